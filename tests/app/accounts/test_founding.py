"""A new project."""

import pytest

from app.accounts.founding import found
from app.accounts.models import Project, User


@pytest.mark.django_db
def test_who_founds_a_project_owns_it() -> None:
    user = User.objects.create_user("a@example.org")
    project = found(user, "Home lab")
    assert list(Project.objects.visible_to(user)) == [project]
    assert project.members.get().role == "owner"
