# Make roles and database as they are wanted. A standby gets them from its primary.
# Fails in the end for what was set by hand and is not ours to take back.
set -eu
{
	cat {{ verifiers }} && cat <<'SQL'
SELECT format('ALTER SYSTEM RESET %I', name), 'SELECT pg_reload_conf(), pg_sleep(0.2)'
FROM pg_file_settings
WHERE sourcefile LIKE '%/postgresql.auto.conf'
	AND lower(name) IN ({% for name in settings %}'{{ name }}'{{ ", " if not loop.last }}{% endfor %}) \gexec
SELECT pg_is_in_recovery() AS is_standby \gset
\if :is_standby
\else
SET log_statement = none;
SET log_min_duration_statement = -1;
SET log_min_error_statement = panic;
SELECT format('CREATE ROLE %I', name)
FROM (VALUES ('{{ role }}'), ('replication')) AS wanted (name)
WHERE to_regrole(name) IS NULL \gexec
ALTER ROLE {{ role }} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'application';
ALTER ROLE replication LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE REPLICATION NOBYPASSRLS PASSWORD :'replication';
GRANT pg_monitor TO {{ role }};
SELECT 'GRANT EXECUTE ON FUNCTION ' || name || ' TO replication'
FROM unnest(ARRAY[{{ rewinds }}]) AS name \gexec
SELECT 'CREATE DATABASE {{ database }} OWNER {{ role }}'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{{ database }}') \gexec
ALTER DATABASE {{ database }} OWNER TO {{ role }};
REVOKE ALL ON DATABASE {{ database }} FROM PUBLIC;
\endif
{% for name in slots %}
SELECT pg_drop_replication_slot(slot_name)
FROM pg_replication_slots
WHERE slot_name = '{{ name }}' AND pg_is_in_recovery() AND NOT active AND restart_lsn IS NOT NULL;
DO $do$ BEGIN
	-- The host itself may be making it, for its copy.
	PERFORM pg_create_physical_replication_slot('{{ name }}');
EXCEPTION WHEN duplicate_object THEN
END $do$;
{% endfor %}
SELECT format('DO $do$ BEGIN RAISE EXCEPTION USING MESSAGE = %L; END $do$', string_agg(words, '; '))
FROM (
{% include "database-by-hand.sql" %}
) AS by_hand (words)
HAVING count(*) > 0 \gexec
SQL
} | runuser -u postgres -- psql -XqAt -v ON_ERROR_STOP=1 -v VERBOSITY=terse -p {{ port }} -d postgres >/dev/null
