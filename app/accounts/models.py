"""Users, projects, members and keys."""

import uuid
from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import make_password
from django.db import models
from django.db.models.functions import Lower


class UserManager(BaseUserManager["User"]):
    """Make and find users by e-mail address."""

    def create_user(self, email: str, password: str | None = None) -> "User":
        """Create a user; without a password only e-mailed links sign in."""
        user = self.model(email=email.strip())
        user.set_password(password)
        user.save(using=self._db)
        return user

    def of_mailbox(self, email: str) -> tuple["User", bool]:
        """Return the user of an address, and True when there was none and one was made."""
        new = {"email": email, "password": make_password(None)}
        return self.get_or_create(email__iexact=email, defaults=new)

    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the user of an address, in whatever case it is written."""
        return self.get(email__iexact=(username or "").strip())


class User(AbstractBaseUser):
    """A person who signs in with an e-mail address."""

    email = models.EmailField(unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    is_active = models.BooleanField(default=True)
    tz = models.CharField(max_length=36, default="UTC", db_default="UTC")  # of the times on pages
    # How often the user has ended all sessions; part of what each session is checked against.
    sign_outs = models.PositiveIntegerField(default=0, db_default=0, editable=False)

    objects: ClassVar[UserManager] = UserManager()
    USERNAME_FIELD = "email"

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(Lower("email"), name="user_email_is_unique"),
        ]

    def __str__(self) -> str:
        return self.email

    def get_session_auth_hash(self) -> str:
        """Return what ends every session that was begun with another one."""
        by_password = super().get_session_auth_hash()
        return f"{by_password}.{self.sign_outs}" if self.sign_outs else by_password

    def choose_password(self, password: str) -> None:
        """Set the password. Sessions begun with the older one end, and so do mailed links."""
        self.set_password(password)
        self.save(update_fields=["password"])
        self.mailed_links.all().delete()

    def end_sessions(self) -> None:
        """End all sessions and all mailed links."""
        self.sign_outs += 1
        self.save(update_fields=["sign_outs"])
        self.mailed_links.all().delete()


class ProjectQuerySet(models.QuerySet["Project"]):
    """Questions about projects."""

    def visible_to(self, user: Any) -> "ProjectQuerySet":
        """Return the projects that the user is a member of, in any role."""
        return self.filter(members__user_id=user.pk)

    def held(self) -> "ProjectQuerySet":
        """Lock the rows: nobody else changes or deletes them, but others may add what is in them.

        A full lock would make who adds wait, who may hold what we need next.
        """
        return self.select_for_update(no_key=True)


class Project(models.Model):
    """What checks and channels belong to, and people are members of."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)
    # NULL, not "": many projects may have no ping key.
    ping_key_digest = models.CharField(  # noqa: DJ001
        max_length=64, unique=True, null=True, editable=False
    )
    ping_key_hint = models.CharField(max_length=4, blank=True, db_default="", editable=False)
    ping_key_since = models.DateTimeField(null=True, editable=False)
    # Moves when the ping key does (checks.directory.next_change).
    directory_change = models.BigIntegerField(default=0, db_index=True, editable=False)
    # Whom the owner has offered the project to; it is theirs when they accept.
    offered_to = models.ForeignKey(
        User, models.SET_NULL, null=True, related_name="offers", editable=False
    )

    objects = ProjectQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    """What a member may do; each may do what the next one may."""

    OWNER = "owner", "owner"
    MANAGER = "manager", "manager"
    MEMBER = "member", "member"
    READ_ONLY = "read-only", "read-only"


class Member(models.Model):
    """A user's role in a project."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="members")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "user"], name="member_once_in_a_project"),
            models.UniqueConstraint(
                fields=["project"],
                condition=models.Q(role=Role.OWNER),
                name="member_one_owner_in_a_project",
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="member_role_is_known"
            ),
        ]

    def may(self, least: Role) -> bool:
        """Return True when the member may do what the role `least` may."""
        ranks = Role.values
        return ranks.index(self.role) <= ranks.index(least)


class Invitation(models.Model):
    """A mailed link that makes whoever holds it a member, once. Only its digest is kept."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=Role.choices)
    digest = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                "project", Lower("email"), name="invitation_once_for_an_address"
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=[Role.MANAGER, Role.MEMBER, Role.READ_ONLY]),
                name="invitation_role_is_given_by_managers",
            ),
        ]


class ApiKey(models.Model):
    """A key of the management API. Only its digest is kept: it is shown once."""

    class Kind(models.TextChoices):
        """What the key may do."""

        READ_WRITE = "rw", "read and write"
        READ_ONLY = "ro", "read only"

    project = models.ForeignKey(Project, models.CASCADE, related_name="api_keys")
    kind = models.CharField(max_length=2, choices=Kind.choices)
    hint = models.CharField(max_length=8)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at: "models.DateTimeField[datetime | None, datetime | None]" = models.DateTimeField(
        null=True
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["project", "kind"],
                condition=models.Q(revoked_at__isnull=True),
                name="apikey_one_live_of_a_kind",
            ),
        ]


class MailedLink(models.Model):
    """An e-mailed link that works once. Only the digest of its token is kept.

    What it does is in what it names: a user, it signs in; an address, it signs
    up; both, it gives the user that address; neither (somebody asked for an
    unknown address), it never works, and makes the answer take the same time.

    `browser_digest` is of the cookie of the browser that asked: there a link
    that signs in works at once, anywhere else it asks for a click first,
    because scanners of mail open links too.
    """

    digest = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="mailed_links")
    email = models.EmailField(blank=True, db_default="")
    browser_digest = models.CharField(max_length=64, blank=True)
    expires_at = models.DateTimeField(db_index=True)


class Bucket(models.Model):
    """How many tries somebody has left (accounts/throttle)."""

    key = models.CharField(max_length=64, unique=True)
    tokens = models.FloatField()
    updated_at = models.DateTimeField(db_index=True)
