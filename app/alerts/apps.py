"""What alerts add to the rooms below: this is where signals are connected."""

from typing import TYPE_CHECKING, Any

from django.apps import AppConfig

from app.checks.signals import provisioned

if TYPE_CHECKING:
    from app.checks.models import Check


class AlertsConfig(AppConfig):
    """The application of channels and notifications."""

    name = "app.alerts"

    def ready(self) -> None:
        """Connect the signals; Django calls this once the models are there."""
        provisioned.connect(assign_all_channels, dispatch_uid="alerts.assign_all_channels")


def assign_all_channels(check: "Check", **_kwargs: Any) -> None:
    """Assign all channels of its project to a check that a ping created."""
    from app.alerts.models import Channel

    check.channels.set(Channel.objects.filter(project_id=check.project_id))
