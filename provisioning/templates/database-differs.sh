# Say what differs from the roles and the database that are wanted; secrets come by a file of root's.
said=$({
	cat {{ verifiers }} && cat <<'SQL'
WITH wanted (name, verifier, replicates) AS (
	VALUES ('{{ role }}', :'application', false), ('replication', :'replication', true)
)
SELECT 'role ' || name || CASE
		WHEN rolname IS NULL THEN ' is not there'
		WHEN rolpassword IS DISTINCT FROM verifier THEN ' has another password'
		ELSE ' may do other things than it should'
	END
FROM wanted LEFT JOIN pg_authid ON rolname = name
WHERE rolname IS NULL
	OR rolpassword IS DISTINCT FROM verifier
	OR NOT rolcanlogin
	OR rolreplication <> replicates
	OR rolsuper OR rolcreatedb OR rolcreaterole OR rolbypassrls
UNION ALL
SELECT 'role {{ role }} does not see how far standbys are'
WHERE NOT EXISTS (
	SELECT FROM pg_auth_members
	WHERE roleid = 'pg_monitor'::regrole AND member = to_regrole('{{ role }}')
)
UNION ALL
SELECT 'database {{ database }} is not there, or not its role''s alone'
WHERE NOT EXISTS (
	SELECT FROM pg_database
	WHERE datname = '{{ database }}' AND datdba = to_regrole('{{ role }}') AND datacl IS NOT NULL
		AND NOT EXISTS (SELECT FROM aclexplode(datacl) WHERE grantee = 0)
)
UNION ALL
SELECT 'role replication may not read what a rewind copies'
WHERE EXISTS (
	SELECT FROM unnest(ARRAY[{{ rewinds }}]) AS name
	WHERE NOT coalesce(has_function_privilege(to_regrole('replication')::oid, name, 'EXECUTE'), false)
)
{% if slots %}
UNION ALL
SELECT 'slot ' || name || CASE
		WHEN slot_name IS NULL THEN ' is not there'
		ELSE ' keeps WAL on a standby, for nobody'
	END
FROM (VALUES {% for name in slots %}('{{ name }}'){{ ", " if not loop.last }}{% endfor %}) AS wanted (name)
LEFT JOIN pg_replication_slots ON slot_name = name
WHERE slot_name IS NULL OR pg_is_in_recovery() AND NOT active AND restart_lsn IS NOT NULL
{% endif %}
UNION ALL
SELECT words FROM (
{% include "database-by-hand.sql" %}
) AS by_hand (words);
SQL
} | runuser -u postgres -- psql -XqAt -v ON_ERROR_STOP=1 -v VERBOSITY=terse -p {{ port }} -d postgres 2>&1)
[ $? = 0 ] && [ -z "$said" ] && exit 0
printf '%s\n' "$said"
exit 1
