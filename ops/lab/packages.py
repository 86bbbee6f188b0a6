"""What a host of the lab has installed, and what it can install without any network.

To add a package, add its name to KEPT: images of another list have another name.
"""

# There when a host is first reached, as with a provider's image of Debian.
INSTALLED = (
    "ca-certificates",
    "curl",
    "dbus",
    "gnupg",
    "iproute2",
    "iputils-ping",
    "libpam-systemd",
    "netbase",
    "nftables",
    "openssh-server",
    "python3",  # the probe of `fab plan`
    "rsync",
    "sudo",
    "systemd",
    "systemd-sysv",
    "tzdata",
)

# Only their files are there: `apt-get install` really installs them, offline. With each
# come the packages it depends on. A name that a release does not have is left out.
KEPT = (
    "acl",
    "apparmor",
    "bind9-dnsutils",  # dig
    "chrony",  # time, of which a host has one of two
    "haproxy",
    "jq",
    "knot",  # the world's name server
    "knot-dnsutils",  # knsupdate
    "lego",  # certificates
    "libpq5",
    "needrestart",
    "nginx",
    "pebble",  # the world's certificate authority
    "postgresql",
    "postgresql-client",
    "postgresql-contrib",
    "prometheus-node-exporter",
    "python3-aiosmtpd",  # the world's mail server
    "python3-venv",
    "socat",
    "ssl-cert",
    "systemd-journal-remote",  # logs forwarded
    "systemd-timesyncd",
    "unattended-upgrades",
    "wireguard-tools",
)
