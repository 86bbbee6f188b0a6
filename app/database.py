"""Which errors of the database are trouble of its own: this is where they are named."""

from django.db import InterfaceError, InternalError, OperationalError

# The connection broke, a lock or a statement took too long, or the server is a
# standby that takes no writes (SQLSTATE 25006): no row is to blame, so whoever
# works through rows waits and tries again instead of putting one aside.
DATABASE_TROUBLE = (OperationalError, InterfaceError, InternalError)
