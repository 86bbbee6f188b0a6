# Bring the drill's key into its keyring, and try it: what is encrypted for it has to come back.
# Older keys stay: older backups are encrypted for them.
set -eu
cd {{ home }}
drill() {
	runuser -u {{ account }} -- "$@"
}
opened() {
	drill gpg --homedir {{ home }} --batch --no-tty --quiet "$@"
}
trap 'drill gpgconf --homedir {{ home }} --kill all' EXIT
print() {
	opened --with-colons --show-keys "$1" | sed -n 's/^fpr:::::::::\([0-9A-F]*\):.*/\1/p' | head -n 1
}
mine=$(print {{ key }})
[ -n "$mine" ] || {
	echo "backup_drill_key of the vault is no key: gpg --armor --export-secret-keys writes one." >&2
	exit 1
}
is_recipient=
for path in {{ recipients | join(" ") }}; do
	[ "$(print "$path")" != "$mine" ] || is_recipient=yes
done
[ -n "$is_recipient" ] || {
	echo "The drill's key $mine is none of the recipients: it could open no backup." >&2
	exit 1
}
opened --import {{ key }}
tried=$(echo tried | opened --trust-model always --recipient "$mine" --encrypt |
	opened --pinentry-mode loopback --passphrase-file {{ passphrase }} --decrypt) || {
	echo "What is encrypted for the drill's key cannot be decrypted: is backup_drill_passphrase its passphrase, and has it not expired?" >&2
	exit 1
}
[ "$tried" = tried ]
drill sh -c 'printf "%s\n" "$1" >tried' sh "$(cat {{ reads | join(" ") }} | sha256sum)"
