"""Invitations to a project: this is where they are made, renewed and accepted."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from app.accounts import mailed_links
from app.accounts.members import GIVEN
from app.accounts.models import Invitation, Member, Project, Role, User

LIFETIME = timedelta(days=7)


def invite(project: Project, email: str, role: Role, inviter: User, now: datetime) -> str:
    """Return the address to mail, the only time that it can be told.

    An older invitation of the same address ends with it. Member.DoesNotExist when
    the inviter has lost the role of a manager meanwhile.
    """
    if role not in GIVEN:
        raise ValueError(f"nobody can be invited as {role.value!r}")
    token = mailed_links.new_token()
    with transaction.atomic():
        Project.objects.held().get(pk=project.pk)  # two of us, one after the other
        project.members.filter(role__in=[Role.OWNER, Role.MANAGER]).get(user=inviter)
        project.invitations.filter(email__iexact=email).delete()
        project.invitations.create(
            email=email,
            role=role,
            digest=mailed_links.digest(token),
            invited_by=inviter,
            expires_at=now + LIFETIME,
        )
    return settings.SITE_ROOT + reverse("invitation", args=[token])


def find(token: str, now: datetime) -> Invitation | None:
    """Return the invitation of a token, unless it was used, withdrawn or is too old."""
    living = Invitation.objects.filter(digest=mailed_links.digest(token), expires_at__gt=now)
    return living.select_related("project", "invited_by").first()


def accept(invitation: Invitation, user: User) -> bool:
    """Make the user a member, and use the invitation up. False when somebody else was faster.

    Who is a member already stays what they are, and the invitation is left to others.
    """
    with transaction.atomic():
        project = Project.objects.held().filter(pk=invitation.project_id).first()
        if project is None:
            return False
        if project.members.filter(user=user).exists():
            return True
        used, _ = Invitation.objects.filter(pk=invitation.pk).delete()
        if used:
            Member.objects.create(project=project, user=user, role=invitation.role)
    return bool(used)


def accept_as_new(invitation: Invitation) -> User | None:
    """Make an account of the invited mailbox and a member of it.

    None when somebody else was faster, or when the mailbox has an account.
    """
    with transaction.atomic():
        user, is_new = User.objects.of_mailbox(invitation.email)
        if is_new and accept(invitation, user):
            return user
        if is_new:
            user.delete()
    return None
