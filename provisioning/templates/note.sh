# Keep a word for the start guard, whole and on the disk.
set -eu
path={{ path }}
mkdir -p "${path%/*}"
printf '{"since": "%s", "by": "fab apply"{% for name, value in words.items() %}, "{{ name }}": "{{ value }}"{% endfor %}}\n' "$(date -u +%Y-%m-%dT%H:%M:%S+00:00)" >"$path.new"
sync "$path.new"
mv "$path.new" "$path"
sync "${path%/*}"
