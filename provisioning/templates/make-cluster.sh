# Make the fleet's first cluster, where there never was one.
set -eu
mark={{ mark }}
made=$(cat "$mark" 2>/dev/null || :)
case $made in
[0-9]*/main)
	# A power cut, in the midst of this very script: nobody was ever let into what it left.
	for there in "/var/lib/postgresql/$made/base/"[0-9]*; do
		[ ! -e "$there" ] || [ "${there##*/}" -lt 16384 ] || {
			echo "/var/lib/postgresql/$made has somebody's databases: rm $mark if it is to be kept." >&2
			exit 1
		}
	done
	# A boot may have started it.
	systemctl stop "postgresql@${made%/main}-main.service"
	rm -rf "/var/lib/postgresql/$made" "/etc/postgresql/$made"
	;;
esac
for there in /etc/postgresql/*/* /var/lib/postgresql/[0-9]*/*; do
	[ ! -e "$there" ] || {
		echo "$there is there: a cluster is never made anew." \
			"If nobody wants it, and what it is left of was dropped: rm -r $there" >&2
		exit 1
	}
done
mkdir -p "${mark%/*}"
echo "{{ version }}/main" >"$mark"
sync "$mark" "${mark%/*}"
pg_createcluster {{ version }} main --locale C.UTF-8 --encoding UTF8 -- --data-checksums
# Ours comes next.
rm /etc/postgresql/{{ version }}/main/pg_hba.conf
sync --file-system /etc/postgresql/{{ version }}/main /var/lib/postgresql/{{ version }}/main
rm "$mark"
sync "${mark%/*}"
