"""A fleet as a file, for tests that need one without servers."""

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB1rMsDfD9wWv9yDYzqvNKBk2q0mSfOMQyzQbYd6j6Sx"
ROLES = {
    "lb1": "load_balancer",
    "lb2": "load_balancer",
    "app1": "app_server",
    "app2": "app_server",
    "app3": "app_server",
    "db1": "database",
    "db2": "database",
    "obs1": "observer",
}


def inventory(*, lab: bool = False, changed: dict[str, str] | None = None) -> str:
    """Return a whole inventory; `changed` replaces one text by another, once."""
    lines = [
        "[fleet]",
        'name = "berlin"',
        'site = "still.example.org"',
        'pings = "ping.example.org"',
        *(["lab = true"] if lab else []),
        "[operators.ada]",
        f'key = "{HOST_KEY}"',
    ]
    for number, (name, role) in enumerate(ROLES.items(), start=11):
        lines += [
            f"[hosts.{name}]",
            f'role = "{role}"',
            'data_center = "inside"',
            f'address = "192.0.2.{number}"',
            f'address6 = "2001:db8::{number}"',
            f'host_key = "{HOST_KEY}"',
        ]
    text = "\n".join(lines) + "\n"
    for old, new in (changed or {}).items():
        assert old in text, old
        text = text.replace(old, new, 1)
    return text
