"""The channels of a project."""

import re

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from app.alerts import outbox
from app.alerts.models import Channel, Notification
from tests.app.pages.world import Answer, World, form_of_webhook


def page_of(client: Client, world: World) -> str:
    return client.get(reverse("channels", args=[world.project.code])).content.decode()


def add(client: Client, world: World, kind: str, fields: dict[str, object]) -> Answer:
    path = reverse("channel_add", args=[world.project.code, kind])
    return client.post(path, fields)


def newest() -> Channel:
    return Channel.objects.latest("pk")


def test_an_email_channel_is_added_to_all_checks(owner: Client, world: World) -> None:
    fields: dict[str, object] = {"to": "ops@example.org", "on_down": "on", "all_checks": "on"}
    add(owner, world, "email", fields)
    assert newest().config == {"to": "ops@example.org", "on_down": True, "on_up": False}
    assert list(newest().checks.all()) == [world.check]


def test_an_email_channel_may_be_added_to_no_check(owner: Client, world: World) -> None:
    add(owner, world, "email", {"to": "ops@example.org", "on_up": "on"})
    assert not newest().checks.exists()


def test_a_webhook_is_added_with_what_it_sends(owner: Client, world: World) -> None:
    fields = form_of_webhook(
        name="pager",
        down_url="https://example.org/hook?name=$NAME",
        down_method="PUT",
        down_headers="X-Token: secret: yes\r\nAccept: */*",
        down_body='{"text": $NAME_JSON}',
    )
    add(owner, world, "webhook", fields)
    assert newest().config == {
        "down": {
            "url": "https://example.org/hook?name=$NAME",
            "method": "PUT",
            "headers": {"X-Token": "secret: yes", "Accept": "*/*"},
            "body": '{"text": $NAME_JSON}',
        },
        "up": None,
    }


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({}, "down_url", "at least one of the two"),
        ({"down_url": "example.org"}, "down_url", "Give a whole address"),
        ({"up_url": "ftp://example.org"}, "up_url", "Give a whole address"),
        ({"up_url": "https://exa mple.org"}, "up_url", "Give a whole address"),
        ({"up_url": "https://example.org:port/"}, "up_url", "Give a whole address"),
        ({"up_url": "https://[::1/"}, "up_url", "Give a whole address"),
        ({"up_url": "https://example.org/" + "x" * 1000}, "up_url", "at most 1000"),
        ({"up_url": "https://e.org", "up_headers": "no colon"}, "up_headers", "Not a header"),
        ({"up_url": "https://e.org", "up_headers": "A b: c"}, "up_headers", "Not a header"),
        ({"up_url": "https://e.org", "up_headers": "A: b\0"}, "up_headers", "Not a header"),
        ({"up_url": "https://e.org", "up_headers": "Host: evil"}, "up_headers", "is set by us"),
        ({"up_url": "https://e.org", "up_headers": "A: " + "b" * 999}, "up_headers", "1000"),
        ({"up_url": "https://e.org", "up_headers": "A: b\r\nA: c"}, "up_headers", "A is there"),
        ({"up_url": "https://e.org", "up_headers": "A: b\r\na: b"}, "up_headers", "a is there"),
        ({"up_url": "https://e.org", "up_method": "DELETE"}, "up_method", "valid choice"),
        ({"up_url": "https://e.org", "up_body": "x" * 1001}, "up_body", "at most 1000"),
    ],
)
def test_a_webhooks_field_says_what_is_wrong_with_it(
    changes: dict[str, object], field: str, message: str, owner: Client, world: World
) -> None:
    response = add(owner, world, "webhook", form_of_webhook(**changes))
    assert response.status_code == 422
    _, _, rest = response.content.decode().partition(f'id="id_{field}_error">')
    assert message in rest.partition("</p>")[0]
    assert Channel.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"to": "no address", "on_up": "on"}, "to", "valid email address"),
        ({"to": "a@example.org\nBcc: b@example.org", "on_up": "on"}, "to", "valid email address"),
        ({"to": f"a@{'ü' * 60}.de", "on_up": "on"}, "to", "what follows the @ cannot be a domain"),
        ({"to": "a@example.org"}, "on_down", "Tick at least one"),
    ],
)
def test_an_email_field_says_what_is_wrong_with_it(
    fields: dict[str, object], field: str, message: str, owner: Client, world: World
) -> None:
    response = add(owner, world, "email", fields)
    assert response.status_code == 422
    _, _, rest = response.content.decode().partition(f'id="id_{field}_error">')
    assert message in rest.partition("</p>")[0]
    assert Channel.objects.count() == 1


def test_an_address_with_a_domain_of_another_script_is_taken(owner: Client, world: World) -> None:
    add(owner, world, "email", {"to": "a@bücher.example", "on_up": "on"})
    assert newest().target == "a@bücher.example"


def test_an_unknown_kind_is_not_found(owner: Client, world: World) -> None:
    assert owner.get(reverse("channel_add", args=[world.project.code, "fax"])).status_code == 404


def test_an_edit_shows_and_keeps_what_is_stored(owner: Client, world: World) -> None:
    fields = form_of_webhook(up_url="https://example.org/", up_headers="A: b", up_method="GET")
    add(owner, world, "webhook", fields)
    path = reverse("channel_edit", args=[newest().code])
    page = owner.get(path).content.decode()
    assert "A: b</textarea>" in page
    assert '<option value="GET" selected>' in page
    before = newest().config
    fields.pop("all_checks")
    assert owner.post(path, fields).status_code == 302
    assert newest().config == before


@pytest.fixture
def mail_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "EMAIL_HOST", "mail.example.org")


@pytest.mark.usefixtures("mail_server")
def test_the_list_says_how_well_each_channel_works(owner: Client, world: World) -> None:
    assert "Not tried yet" in page_of(owner, world)
    Channel.objects.update(last_sent_at=timezone.now())
    assert "Working" in page_of(owner, world)
    Channel.objects.update(last_error="<b>timed out</b>")
    page = page_of(owner, world)
    assert "Failing" in page
    assert "&lt;b&gt;timed out" in page


def form_pages(client: Client, world: World, kind: str) -> list[str]:
    channel = Channel.objects.filter(kind=kind).latest("pk")
    paths = [
        reverse("channel_add", args=[world.project.code, kind]),
        reverse("channel_edit", args=[channel.code]),
    ]
    return [client.get(path).content.decode() for path in paths]


def test_without_a_mail_server_nothing_pretends_that_mail_arrives(
    owner: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "EMAIL_HOST", "")
    Channel.objects.update(last_sent_at=timezone.now())
    page = page_of(owner, world)
    for text in (page, *form_pages(owner, world, "email")):
        assert "No SMTP server is configured (<code>EMAIL_HOST</code>)" in text
    assert "Only kept" in page
    assert "last kept" in page
    assert "Working" not in page
    assert "last delivered" not in page


def test_a_webhook_is_not_told_of_a_missing_mail_server(
    owner: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "EMAIL_HOST", "")
    add(owner, world, "webhook", form_of_webhook(down_url="https://example.org/"))
    world.channel.delete()
    Channel.objects.update(last_sent_at=timezone.now())
    page = page_of(owner, world)
    assert "Working" in page
    for text in (page, *form_pages(owner, world, "webhook")):
        assert "EMAIL_HOST" not in text


@pytest.mark.usefixtures("mail_server")
def test_with_a_mail_server_there_is_nothing_to_warn_of(owner: Client, world: World) -> None:
    for text in (page_of(owner, world), *form_pages(owner, world, "email")):
        assert "EMAIL_HOST" not in text


@pytest.mark.parametrize(
    ("reason", "why", "way_back"),
    [
        ("unsubscribed", "followed the unsubscribe link", "Ask who reads this mailbox"),
        ("the webhook answered 410 Gone", "gone for good", "Make a new address there"),
        (
            "the mail server refused the address: 550 5.1.1 no such user",
            "does not exist or is closed",
            "Correct the address with Edit",
        ),
        ("the e-mail address is not valid", "no mail can be sent", "Correct the address"),
        ("<b>odd</b>", "&lt;b&gt;odd", "Correct what is wrong"),
        ("", "no reason was given", "Correct what is wrong"),
    ],
)
def test_a_disabled_channel_says_why_and_comes_back(
    reason: str, why: str, way_back: str, owner: Client, world: World
) -> None:
    outbox.disable(world.channel, reason, timezone.now())
    page = page_of(owner, world)
    assert why in page
    assert way_back in page
    assert "then enable it" in page
    owner.post(reverse("channel_enable", args=[world.channel.code]))
    assert Channel.objects.get().disabled_at is None


def test_two_webhooks_to_one_host_can_be_told_apart(owner: Client, world: World) -> None:
    for path in ("T1", "T2"):
        add(owner, world, "webhook", form_of_webhook(down_url=f"https://hooks.example.org/{path}"))
    names = set(re.findall(r"POST hooks.example.org #[0-9a-f]{4}", page_of(owner, world)))
    assert len(names) == 2


def test_a_webhooks_secret_path_is_not_shown_in_lists(owner: Client, world: World) -> None:
    add(owner, world, "webhook", form_of_webhook(down_url="https://hooks.example.org/T0/secret"))
    pages = [
        page_of(owner, world),
        owner.get(reverse("check_add", args=[world.project.code])).content.decode(),
        owner.get(reverse("channel_delete", args=[newest().code])).content.decode(),
    ]
    for page in pages:
        assert "hooks.example.org" in page
        assert "secret" not in page


def test_the_test_button_queues_a_message(owner: Client, world: World) -> None:
    owner.post(reverse("channel_test", args=[world.channel.code]))
    assert Notification.objects.get().check_ref is None


def test_deleting_asks_first(owner: Client, world: World) -> None:
    path = reverse("channel_delete", args=[world.channel.code])
    assert b"1 check will not tell it any more" in owner.get(path).content
    assert Channel.objects.exists()
    owner.post(path)
    assert not Channel.objects.exists()


@pytest.mark.parametrize("count", [5, 50])
def test_the_number_of_queries_does_not_grow(
    count: int, owner: Client, world: World, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(count):
        config = {"to": f"{number}@example.org"}
        channel = Channel.objects.create(project=world.project, kind="email", config=config)
        channel.checks.add(world.check)
    with django_assert_num_queries(6):  # session, user, memberships, counts, tests, channels
        page_of(owner, world)
