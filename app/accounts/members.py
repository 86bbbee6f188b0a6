"""The people of a project: this is where roles change, and where somebody leaves.

Nobody touches the owner: a project has one from its beginning to its end, and
another one only when the owner has offered it and the other has accepted.
"""

from django.db import transaction

from app.accounts.models import Member, Project, Role, User

GIVEN = (Role.MANAGER, Role.MEMBER, Role.READ_ONLY)  # by managers; the owner's is not given


def change_role(member: Member, role: Role) -> bool:
    """Give the member another role. False when the member is the owner, or gone.

    Who is no manager any more invites nobody: what they sent is withdrawn.
    """
    if role not in GIVEN:
        raise ValueError(f"the role {role.value!r} cannot be given; offer the project instead")
    with transaction.atomic():
        project = _locked(member.project)
        others = project.members.filter(pk=member.pk).exclude(role=Role.OWNER)
        is_done = bool(others.update(role=role))
        if is_done and role != Role.MANAGER:
            project.invitations.filter(invited_by=member.user_id).delete()
    return is_done


def remove(member: Member) -> bool:
    """Take the member out of the project, with the invitations that they have sent.

    False when the member is the owner, or gone.
    """
    with transaction.atomic():
        project = _locked(member.project)
        gone, _ = Member.objects.filter(pk=member.pk).exclude(role=Role.OWNER).delete()
        if gone:
            project.invitations.filter(invited_by=member.user_id).delete()
        if gone and project.offered_to_id == member.user_id:
            _offer_to(project, None)
    return bool(gone)


def offer(project: Project, owner: User, member: Member) -> bool:
    """Offer the project to another member. False when that is the owner, or gone.

    False too when `owner` is not the owner any more.
    """
    with transaction.atomic():
        project = _locked(project)
        others = project.members.filter(pk=member.pk).exclude(role=Role.OWNER)
        is_owned = project.members.filter(user=owner, role=Role.OWNER).exists()
        if not is_owned or not others.exists():
            return False
        _offer_to(project, member.user)
    return True


def withdraw_offer(project: Project) -> None:
    """Leave the project with its owner."""
    with transaction.atomic():
        _offer_to(_locked(project), None)


def accept_offer(project: Project, user: User) -> bool:
    """Make the user the owner, and the owner a manager. False unless it is offered to the user."""
    with transaction.atomic():
        project = _locked(project)
        if project.offered_to_id != user.pk or not project.members.filter(user=user).exists():
            return False
        # In this order: a constraint allows one owner at a time.
        project.members.filter(role=Role.OWNER).update(role=Role.MANAGER)
        project.members.filter(user=user).update(role=Role.OWNER)
        _offer_to(project, None)
    return True


def decline_offer(project: Project, user: User) -> bool:
    """Leave the project with its owner. False unless it is offered to the user."""
    offered = Project.objects.filter(pk=project.pk, offered_to=user)
    return bool(offered.update(offered_to=None))


def _locked(project: Project) -> Project:
    """Return the row under its lock. Project.DoesNotExist when it is deleted."""
    return Project.objects.held().get(pk=project.pk)


def _offer_to(project: Project, user: User | None) -> None:
    project.offered_to = user
    project.save(update_fields=["offered_to"])
