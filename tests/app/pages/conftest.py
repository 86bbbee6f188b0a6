"""What tests of pages may ask for."""

from collections.abc import Iterator

import pytest
from django.test import Client

from tests.app.pages.mailbox import wait_for_mails
from tests.app.pages.world import World, client_of, make_world


@pytest.fixture(autouse=True)
def no_mail_comes_late() -> Iterator[None]:
    """Keep a mail of one test out of the next one's mailbox."""
    yield
    wait_for_mails()


@pytest.fixture
def world(db: None) -> World:
    return make_world()


@pytest.fixture
def owner(world: World) -> Client:
    return client_of(world.owner)
