	-- In a line each: what somebody has set by hand over what is described, and powers given by hand.
	SELECT 'setting ' || name || ' is made in ' || sourcefile || CASE
			WHEN sourcefile LIKE '%/postgresql.auto.conf' THEN ' (ALTER SYSTEM)'
			ELSE ', which is read after ours: remove it there, and reload'
		END
	FROM (
		SELECT DISTINCT ON (lower(name)) lower(name) AS name, sourcefile
		FROM pg_file_settings
		WHERE lower(name) IN ({% for name in settings %}'{{ name }}'{{ ", " if not loop.last }}{% endfor %})
		ORDER BY lower(name), seqno DESC
	) AS last_one
	WHERE sourcefile !~ '/conf\.d/stillhere(-start)?\.conf$'
	UNION ALL
	SELECT 'setting ' || name || ' waits for a restart of PostgreSQL, by hand' FROM pg_settings WHERE pending_restart
	UNION ALL
	SELECT 'role ' || quote_ident(rolname) || ' is a superuser that nobody described: take it away, or the power from it'
	FROM pg_authid
	WHERE rolsuper AND rolname NOT IN ('postgres', '{{ role }}', 'replication')
