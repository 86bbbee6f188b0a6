# Make the fleet's first cluster, where there never was one.
set -eu
for there in /etc/postgresql/*/* /var/lib/postgresql/*/*; do
	[ ! -e "$there" ] || {
		echo "$there is there: a cluster is never made anew." \
			"If nobody wants it, and what it is left of was dropped: rm -r $there" >&2
		exit 1
	}
done
pg_createcluster {{ version }} main --locale C.UTF-8 --encoding UTF8 -- --data-checksums
# Ours comes next.
rm /etc/postgresql/{{ version }}/main/pg_hba.conf
