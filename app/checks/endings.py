"""Projects and accounts that end: this is where their checks leave tombstones."""

from contextlib import suppress

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from app.accounts.models import Invitation, Member, Project, Role, User
from app.checks import ping_key
from app.checks.models import Check, Tombstone, next_change

ERASED_AT_ONCE = 100  # checks; everybody who changes a check waits that long


def end_project(project: Project) -> None:
    """Delete the project and all that is in it. Project.DoesNotExist when it is deleted.

    When it is interrupted, the project stands with the checks that are left.
    """
    ping_key.revoke(project)  # first: from here on no ping makes a check
    while not _end_some(project):
        pass


def kept_by_others(user: User) -> list[Project]:
    """Return the user's own projects that have other members: they need another owner first."""
    others = Member.objects.filter(project=OuterRef("pk")).exclude(user=user)
    return list(_own(user).filter(Exists(others)).order_by("pk"))


def close_account(user: User) -> list[Project]:
    """Delete the user and the projects that are nobody else's; return [].

    Changes nothing and returns the projects that are in the way, if there are any;
    when one came into the user's hands meanwhile, the others are deleted by then.
    """
    while True:
        with transaction.atomic():
            _hold(user)
            if in_the_way := kept_by_others(user):
                return in_the_way
            # Nobody joins any more, there or elsewhere in this user's name.
            own = list(_own(user))
            Invitation.objects.filter(Q(project__in=own) | Q(invited_by=user)).delete()
            if not own:
                user.delete()
                return []
        for project in own:
            with suppress(Project.DoesNotExist):  # another tab has deleted it
                end_project(project)


def _hold(user: User) -> None:
    """Lock what the user owns or is offered, then the user: nobody makes them an owner now.

    User.DoesNotExist when the account is closed.
    """
    is_own = Q(members__user=user, members__role=Role.OWNER)
    near = Project.objects.filter(is_own | Q(offered_to=user)).values("pk")
    list(Project.objects.held().filter(pk__in=near).order_by("pk"))
    User.objects.select_for_update().get(pk=user.pk)


def _own(user: User) -> QuerySet[Project]:
    return Project.objects.filter(members__user=user, members__role=Role.OWNER)


def _end_some(project: Project) -> bool:
    """Erase some checks and, when there are no others, the project; then return True."""
    with transaction.atomic():
        change = next_change()  # nobody adds a check before this is over
        checks = Check.objects.select_for_update().filter(project=project).order_by("pk")
        some = list(checks.values_list("pk", "code")[:ERASED_AT_ONCE])
        Tombstone.objects.bulk_create(
            Tombstone(code=code, directory_change=change) for _, code in some
        )
        Check.objects.filter(pk__in=[pk for pk, _ in some]).delete()
        if len(some) == ERASED_AT_ONCE:
            return False
        # Its row first, as who changes people and channels does; delete() locks it last.
        Project.objects.select_for_update().get(pk=project.pk).delete()
    return True
