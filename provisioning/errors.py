"""What keeps a host from being described."""


class Contradiction(Exception):
    """The facts forbid a description: which host, why, and what to do. Never a secret in it."""
