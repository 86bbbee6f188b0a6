"""What tests of pages may ask for."""

import pytest
from django.test import Client

from tests.app.pages.world import World, client_of, make_world


@pytest.fixture
def world(db: None) -> World:
    return make_world()


@pytest.fixture
def owner(world: World) -> Client:
    return client_of(world.owner)
