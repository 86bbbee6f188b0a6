# Wait until the standby streams from a primary; say why it does not.
set -eu
second=0
while :; do
	said=$(runuser -u postgres -- psql -XqAt -p {{ port }} -d postgres 2>&1 <<'SQL' || :
SELECT CASE
	WHEN NOT pg_is_in_recovery() THEN 'streaming'
	ELSE coalesce((SELECT status FROM pg_stat_wal_receiver), 'it has no WAL receiver')
END
SQL
)
	[ "$said" != streaming ] || break
	second=$((second + 1))
	[ "$second" -lt {{ seconds }} ] || {
		echo "After {{ seconds }} s it does not stream: $said. Its last words:" >&2
		tail -n 5 /var/log/postgresql/postgresql-{{ version }}-main.log >&2
		exit 1
	}
	sleep 1
done
rm -f {{ unproved }}
sync {{ unproved.parent }}
