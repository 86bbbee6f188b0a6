"""What the table of all addresses is made of: who comes, what an address needs, and its arguments.

An address whose objects are not in the world gets a hook: a function of the world
that makes what is missing and returns the arguments of the URL.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from django.apps import apps
from django.contrib.sessions.models import Session
from django.db.models import Model
from django.urls import resolve, reverse
from django.utils import timezone

from app.accounts import email_change, invitations, sign_in, sign_up
from app.accounts.models import Role, User
from app.alerts import unsubscribe
from app.alerts.models import Channel
from tests.app.pages.world import PASSWORD, World, form_of_check

Arguments = Mapping[str, object]


class Actor(IntEnum):
    """Who comes. Each may do what those before may; so this also says what an address needs."""

    SIGNED_OUT = 0
    STRANGER = 1
    READ_ONLY = 2
    MEMBER = 3
    MANAGER = 4
    OWNER = 5

    def user(self, world: World) -> User | None:
        """Return the user; None when nobody is signed in."""
        people = (world.stranger, world.reader, world.member, world.manager, world.owner)
        return people[self - 1] if self else None


def of_project(world: World) -> Arguments:
    return {"project": world.project.code}


def of_check(world: World) -> Arguments:
    return {"code": world.check.code}


def of_channel(world: World) -> Arguments:
    return {"code": world.channel.code}


def of_nothing(_: World) -> Arguments:
    return {}


def with_more(**more: object) -> Callable[[World], Arguments]:
    """Return a hook for an address of the project with more arguments."""
    return lambda world: {**of_project(world), **more}


def of_ping(world: World) -> Arguments:
    return {"code": world.check.code, "n": 1}


def of_disabled_channel(world: World) -> Arguments:
    Channel.objects.update(disabled_at=timezone.now())
    return of_channel(world)


def of_other_member(world: World) -> Arguments:
    """Return the read-only member: changed by others."""
    return {**of_project(world), "member": world.project.members.get(user=world.reader).pk}


def of_invitation(world: World) -> Arguments:
    _invite(world)
    return {**of_project(world), "invitation": world.project.invitations.get().pk}


def of_invitation_token(world: World) -> Arguments:
    return _token(_invite(world))


def of_sign_in_link(world: World) -> Arguments:
    return _token(sign_in.make_link(world.reader, timezone.now()))


def of_sign_up_link(_: World) -> Arguments:
    return _token(sign_up.make_link("new@example.org", timezone.now()))


def of_email_link(world: World) -> Arguments:
    link = email_change.make_link(world.stranger, "new@example.org", timezone.now())
    return _token(link or "")


def of_unsubscribe_link(world: World) -> Arguments:
    return {"token": unsubscribe.token(world.channel.code, timezone.now())}


def _invite(world: World) -> str:
    now = timezone.now()
    return invitations.invite(world.project, "new@example.org", Role.MEMBER, world.owner, now)


def _token(link: str) -> Arguments:
    return {"token": link.rstrip("/").rpartition("/")[2]}


@dataclass(frozen=True, slots=True)
class Address:
    """One line of the table: the least actor for GET and for POST; None is answered 405.

    `form` is what a browser would send; `seen` and `done` are the answers to a GET
    and to a POST that are allowed. `never` are actors who are refused all the same.
    """

    name: str
    get: Actor | None
    post: Actor | None = None
    arguments: Callable[[World], Arguments] = of_project
    form: Callable[[World], Mapping[str, object]] | Mapping[str, object] = field(
        default_factory=dict
    )
    seen: int = 200
    done: int = 302
    never: tuple[Actor, ...] = ()

    def needs(self, method: str) -> Actor | None:
        return self.get if method == "get" else self.post

    def path(self, world: World) -> str:
        """Return the path, after making what it names."""
        path = reverse(self.name, kwargs=dict(self.arguments(world)))
        assert resolve(path).url_name == self.name
        return path

    def typed(self, world: World) -> Mapping[str, object]:
        return self.form(world) if callable(self.form) else self.form

    def allows(self, method: str, actor: Actor) -> bool:
        needed = self.needs(method)
        return needed is not None and actor >= needed and actor not in self.never

    def status(self, method: str, actor: Actor) -> int:
        """Return the answer that the actor is to get."""
        if self.needs(method) is None:
            return 405
        if self.allows(method, actor):
            return self.seen if method == "get" else self.done
        return {Actor.SIGNED_OUT: 302, Actor.STRANGER: 404}.get(actor, 403)


def rows() -> dict[str, str]:
    """Return a digest of each table. Sessions are no data: a visit may begin or end one."""
    models = apps.get_models(include_auto_created=True)
    return {model.__name__: _digest(model) for model in models if model is not Session}


def _digest(model: type[Model]) -> str:
    found = [
        [bytes(value) if isinstance(value, memoryview) else value for value in row]
        for row in model._base_manager.order_by("pk").values_list()
    ]
    return hashlib.sha256(repr(found).encode()).hexdigest()


ANYBODY, SIGNED_IN = Actor.SIGNED_OUT, Actor.STRANGER
READ_ONLY, MEMBER, MANAGER, OWNER = Actor.READ_ONLY, Actor.MEMBER, Actor.MANAGER, Actor.OWNER

NEW = {"email": "new@example.org"}
PASSWORDS = {"password": "another battery", "again": "another battery"}
TO = {"to": "ops@example.org", "on_up": "on"}


def new_owner(world: World) -> dict[str, object]:
    return {"member": world.project.members.get(user=world.member).pk}


# One line an address: its name, what GET needs, what POST needs, then what differs from the rule.
TABLE = (
    Address("home", SIGNED_IN, None, of_nothing, seen=302),
    Address("sign_in", ANYBODY, ANYBODY, of_nothing, {**NEW, "password": PASSWORD}, done=422),
    Address("sign_in_mail", None, ANYBODY, of_nothing, NEW, done=200),
    Address("sign_in_link", ANYBODY, ANYBODY, of_sign_in_link),
    Address("sign_out", None, ANYBODY, of_nothing),
    Address("sign_up", ANYBODY, ANYBODY, of_nothing, NEW, done=200),
    Address("sign_up_link", ANYBODY, ANYBODY, of_sign_up_link),
    Address("account", SIGNED_IN, SIGNED_IN, of_nothing, {"tz": "Europe/Riga"}),
    Address("account_password", SIGNED_IN, SIGNED_IN, of_nothing, PASSWORDS),
    Address("account_email", SIGNED_IN, SIGNED_IN, of_nothing, NEW),
    Address("account_email_link", ANYBODY, ANYBODY, of_email_link),
    Address("sign_out_everywhere", None, SIGNED_IN, of_nothing),
    Address("account_close", SIGNED_IN, SIGNED_IN, of_nothing, {"email": "x"}, done=422),
    Address("invitation", ANYBODY, ANYBODY, of_invitation_token),
    Address("project_add", SIGNED_IN, SIGNED_IN, of_nothing, {"name": "Lab"}),
    Address("project", READ_ONLY),
    Address("project_rename", MANAGER, MANAGER, form={"name": "Staging"}),
    Address("project_delete", OWNER, OWNER, form={"name": "Production"}),
    Address("project_leave", READ_ONLY, READ_ONLY, never=(OWNER,)),
    Address("member", MANAGER, MANAGER, of_other_member, {"role": "member"}),
    Address("member_remove", None, MANAGER, of_other_member),
    Address("project_offer", OWNER, OWNER, form=new_owner),
    Address("project_offer_withdraw", None, OWNER),
    Address("project_offer_answer", None, READ_ONLY, form={"answer": "accept"}),
    Address("invitation_add", MANAGER, MANAGER, form={**NEW, "role": "member"}),
    Address("invitation_resend", None, MANAGER, of_invitation),
    Address("invitation_withdraw", None, MANAGER, of_invitation),
    Address("key", MANAGER, MANAGER, with_more(kind="read-only"), done=200),
    Address("key_revoke", None, MANAGER, with_more(kind="ping")),
    Address("projects", SIGNED_IN, None, of_nothing),
    Address("checks", READ_ONLY),
    Address("check_add", MEMBER, MEMBER, form=form_of_check()),
    Address("check", READ_ONLY, None, of_check),
    Address("first_ping", READ_ONLY, None, of_check),
    Address("ping", READ_ONLY, None, of_ping),
    Address("channel_row", READ_ONLY, None, of_channel),
    Address("check_edit", MEMBER, MEMBER, of_check, form_of_check()),
    Address("check_pause", None, MEMBER, of_check),
    Address("check_resume", None, MEMBER, of_check),
    Address("check_delete", MEMBER, MEMBER, of_check),
    Address("ping_body", READ_ONLY, None, of_ping),
    Address("channels", READ_ONLY),
    Address("channel_add", MEMBER, MEMBER, with_more(kind="email"), TO),
    Address("channel_edit", MEMBER, MEMBER, of_channel, TO),
    Address("channel_test", None, MEMBER, of_channel),
    Address("channel_enable", None, MEMBER, of_disabled_channel),
    Address("channel_delete", MEMBER, MEMBER, of_channel),
    Address("unsubscribe", ANYBODY, ANYBODY, of_unsubscribe_link, done=200),
    Address("health", ANYBODY, None, of_nothing),
)
