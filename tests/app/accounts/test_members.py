"""The people of a project, when two of them act at once."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from app.accounts import api_keys, invitations, members
from app.accounts.models import ApiKey, Invitation, Member, Role
from app.checks import ping_key
from app.run.bootstrap import bootstrap
from tests.app.pages.world import NOW, World, make_world

pytestmark = pytest.mark.django_db

VERBS: dict[str, Callable[[World], object]] = {
    "role": lambda world: members.change_role(_of(world), Role.READ_ONLY),
    "remove": lambda world: members.remove(_of(world)),
    "offer": lambda world: members.offer(world.project, world.owner, _of(world)),
    "accept": lambda world: members.accept_offer(world.project, world.member),
    "invite": lambda world: _invite(world),
    "api key": lambda world: api_keys.issue(world.project, ApiKey.Kind.READ_ONLY, NOW),
    "ping key": lambda world: ping_key.issue(world.project, NOW),
    "bootstrap": lambda world: bootstrap(world.owner.email, world.project.name, NOW),
}


def _of(world: World) -> Member:
    return world.project.members.get(user=world.member)


def _invite(world: World) -> str:
    return invitations.invite(world.project, "new@example.org", Role.MEMBER, world.manager, NOW)


@pytest.mark.parametrize("verb", VERBS)
def test_who_holds_a_project_or_a_user_lets_others_name_it(verb: str) -> None:
    """Else one waits for a user that another holds, who waits for the project."""
    if not connection.features.has_select_for_no_key_update:
        pytest.skip("this database has no locks of rows")
    world = make_world()
    with CaptureQueriesContext(connection) as queries:
        VERBS[verb](world)
    locks = [
        query["sql"] for query in queries if "_project" in query["sql"] or "_user" in query["sql"]
    ]
    assert not [sql for sql in locks if sql.endswith(" FOR UPDATE")]
    assert [sql for sql in locks if sql.endswith(" FOR NO KEY UPDATE")]


def test_who_is_no_owner_any_more_offers_nothing() -> None:
    """The page was opened before the other one accepted, and sent after."""
    world = make_world()
    members.offer(world.project, world.owner, _of(world))
    assert members.accept_offer(world.project, world.member)
    manager = world.project.members.get(user=world.manager)
    assert not members.offer(world.project, world.owner, manager)
    assert not members.accept_offer(world.project, world.manager)
    assert _of(world).role == Role.OWNER


@pytest.mark.parametrize("is_removed", [True, False])
def test_who_is_no_manager_any_more_invites_nobody(is_removed: bool) -> None:
    """What they sent is withdrawn; what they are sending does not come after that."""
    world = make_world()
    manager = world.project.members.get(user=world.manager)
    if is_removed:
        members.remove(manager)
    else:
        members.change_role(manager, Role.MEMBER)
    with pytest.raises(Member.DoesNotExist):
        _invite(world)
    assert not Invitation.objects.exists()
