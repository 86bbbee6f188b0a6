"""A new project: this is where it gets its owner, who is told of its checks by e-mail."""

from django.db import transaction

from app.accounts.founding import found
from app.accounts.models import Project, User
from app.alerts.models import Channel


def begin(owner: User, name: str) -> Project:
    """Create a project whose alerts go to its owner until told otherwise."""
    with transaction.atomic():
        project = found(owner, name)
        config = {"to": owner.email, "on_down": True, "on_up": True}
        Channel.objects.create(project=project, kind=Channel.Kind.EMAIL, config=config)
    return project
