"""The ways to tell a person, one module a kind."""

from app.alerts.message import Transport
from app.alerts.transports import email, webhook

TRANSPORTS: dict[str, Transport] = {"email": email, "webhook": webhook}
