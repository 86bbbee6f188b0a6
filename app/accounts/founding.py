"""A new project: this is where it gets its owner."""

from django.db import transaction

from app.accounts.models import Member, Project, Role, User


def found(owner: User, name: str) -> Project:
    """Create a project and make the user its owner."""
    with transaction.atomic():
        project = Project.objects.create(name=name)
        Member.objects.create(project=project, user=owner, role=Role.OWNER)
    return project
