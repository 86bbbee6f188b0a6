"""What this room tells rooms above it, which it must not import."""

from django.dispatch import Signal

# Sent with `check` in the transaction that makes a check by `create=1`, so that
# rooms above can add what is theirs (alerts: the project's channels).
provisioned = Signal()
