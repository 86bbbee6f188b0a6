"""People at a deployed fleet: in a real browser that trusts the lab's authority and nobody else."""

import re
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Error, Page, Response, expect

from ops.lab.world import REQUESTS
from tests.browser import running_chromium
from tests.ops.deploy.mailbox import mail_to, text_of
from tests.ops.deploy.stage import BALANCERS, Stage

pytestmark = [pytest.mark.lab, pytest.mark.browser]

SITE = "https://stillhere.test"
COMMAND = "Command that pings this check"
SOON = 20_000  # ms: a page looks for news every five seconds
WITH_DIGEST = re.compile(r"/static/.+\.[0-9a-f]{12}\.(css|js|svg)")
YEAR = "31536000"


@dataclass(slots=True)
class Visit:
    """A page, and all that came by the line while it was open."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    answers: list[Response] = field(default_factory=list)

    def loaded(self, kind: str) -> list[Response]:
        return [one for one in self.answers if one.request.resource_type == kind]


@pytest.fixture(scope="module")
def trusting(roots: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the home of somebody whose browser knows the lab's authority."""
    home = tmp_path_factory.mktemp("home")
    database = home / ".pki" / "nssdb"
    database.mkdir(parents=True)
    add = ["-A", "-n", "the lab's authority", "-t", "C,,", "-i", str(roots)]
    for command in (["-N", "--empty-password"], add):
        subprocess.run(["certutil", "-d", f"sql:{database}", *command], check=True, timeout=30)
    return home


@contextmanager
def visiting(stage: Stage, home: Path, balancer: str = "lb1", family: int = 4) -> Iterator[Visit]:
    """Give a browser to which the fleet's names are a balancer's address."""
    lab = stage.rehearsal.lab
    host = lab.host(balancer)
    address = lab.address(host) if family == 4 else f"[{lab.address6(host)}]"
    names = ", ".join(f"MAP {name} {address}" for name in ("stillhere.test", "ping.stillhere.test"))
    with running_chromium(f"--host-resolver-rules={names}", home=home) as browser:
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        visit = Visit(page)
        page.on("console", lambda message: visit.complaints.append(message.text))
        page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        page.on("response", lambda answer: visit.answers.append(answer))
        yield visit


@pytest.mark.parametrize(("balancer", "family"), [("lb1", 4), ("lb2", 6)])
def test_a_browser_finds_a_safe_page_and_keeps_its_files(
    deployed: Stage, trusting: Path, balancer: str, family: int
) -> None:
    with visiting(deployed, trusting, balancer, family) as visit:
        opened = visit.page.goto(f"{SITE}/")
        assert opened is not None
        assert visit.page.url == f"{SITE}/sign-in/?next=/"
        _is_shown_by(opened, deployed, balancer, family)
        _forbids_what_is_not_ours(opened)
        _is_kept_for_a_year(visit, {"stylesheet": 1})
        assert [one["secure"] for one in visit.page.context.cookies()] == [True]  # CSRF
        visit.page.goto("http://stillhere.test/sign-in/")
        assert visit.page.url == f"{SITE}/sign-in/"
        assert visit.complaints == []


def test_a_browser_that_does_not_know_the_authority_opens_nothing(
    deployed: Stage, trusting: Path, tmp_path: Path
) -> None:
    with (
        visiting(deployed, tmp_path) as visit,
        pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"),
    ):
        visit.page.goto(f"{SITE}/sign-in/")


def test_from_signing_in_to_the_alert(deployed: Stage, trusting: Path) -> None:
    email = somebody_new(deployed)
    with visiting(deployed, trusting) as visit:
        page = visit.page
        sign_in(deployed, page, email)
        url = add_a_check(page, "Nightly backup", unit="days")
        ping_as_the_page_says(deployed, page)
        ping_through_every_door(deployed, page, url)
        fail_and_be_told(deployed, page, email, url)
        add_a_webhook_that_is_refused(deployed, page)
        _is_kept_for_a_year(visit, {"stylesheet": 1, "script": 3})
        assert visit.complaints == []


@pytest.mark.long
@pytest.mark.timeout(420)  # the least period and the least grace are a minute each
def test_a_job_that_falls_silent_is_told_of(deployed: Stage, trusting: Path) -> None:
    email = somebody_new(deployed)
    with visiting(deployed, trusting, "lb2") as visit:
        sign_in(deployed, visit.page, email)
        url = add_a_check(visit.page, "Every minute", unit="minutes")
        assert deployed.curl("lb1", 4, url) == "200"
        told = mail_to(deployed.rehearsal, email, "DOWN | Every minute", within_seconds=180)
        assert "It has been silent for too long" in text_of(told)
        expect(visit.page.locator("#head .status")).to_have_text("Down", timeout=SOON)
        assert deployed.curl("lb2", 6, url) == "200"
        mail_to(deployed.rehearsal, email, "UP | Every minute")
        expect(visit.page.locator("#head .status")).to_have_text("Up", timeout=SOON)
        assert visit.complaints == []


def somebody_new(stage: Stage) -> str:
    """Make a user; return the address, to which no mail has ever come."""
    email = f"{uuid.uuid4().hex}@example.org"
    stage.member(email)
    return email


def sign_in(stage: Stage, page: Page, email: str) -> None:
    """By a link that comes by mail, as there is no password yet."""
    page.goto(f"{SITE}/")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_role("button", name="E-mail me a sign-in link").click()
    expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()
    mail = mail_to(stage.rehearsal, email, "Sign in to Stillhere")
    assert mail["From"] == "Stillhere <stillhere@stillhere.test>"
    link = re.search(rf"{SITE}/sign-in/link/\S+", text_of(mail))
    assert link is not None
    page.goto(link[0])
    expect(page.get_by_role("heading", name="Checks")).to_be_visible()
    cookies = {one["name"]: one for one in page.context.cookies()}
    assert {one["secure"] for one in cookies.values()} == {True}
    session = cookies["sessionid"]
    assert (session["domain"], session["httpOnly"], session["sameSite"]) == (
        "stillhere.test", True, "Lax",
    )  # fmt: skip


def add_a_check(page: Page, name: str, unit: str) -> str:
    """Make a check whose period and grace are one of a unit; return its ping address."""
    page.get_by_role("link", name="Add a check").first.click()
    page.get_by_label("Name").fill(name)
    for field_name in ("period", "grace"):
        page.locator(f"#id_{field_name}_0").fill("1")
        page.locator(f"#id_{field_name}_1").select_option(unit)
    page.get_by_role("button", name="Add the check").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    code = page.url.split("/")[-2]
    return f"https://ping.stillhere.test/ping/{code}"


def ping_as_the_page_says(stage: Stage, page: Page) -> None:
    """From a server with the lab's own names, which trusts the lab's authority."""
    command = page.get_by_label(COMMAND, exact=True).inner_text()
    stage.run("client", f"CURL_CA_BUNDLE={roots_on_client(stage)} {command}")
    expect(page.locator("#first-ping")).to_contain_text("The first ping is here", timeout=SOON)
    expect(page.locator("#head .status")).to_have_text("Up", timeout=SOON)


def ping_through_every_door(stage: Stage, page: Page, url: str) -> None:
    """See in the log the true address of who pinged, whichever way it came."""
    for balancer in BALANCERS:
        for family in (4, 6):
            assert stage.curl(balancer, family, url) == "200"
    came_from = page.locator("#log-table td.cell-from")
    expect(came_from).to_have_count(5, timeout=SOON)
    lab = stage.rehearsal.lab
    client = lab.host("client")
    four, six = f"GET {lab.address(client)}", f"GET {lab.address6(client)}"
    said = [row.split("curl/")[0].strip() for row in came_from.all_inner_texts()]
    assert said[:4] == [six, four, six, four]
    assert said[4] in (four, six)


def fail_and_be_told(stage: Stage, page: Page, email: str, url: str) -> None:
    assert stage.curl("lb2", 6, f"{url}/fail") == "200"
    mail = mail_to(stage.rehearsal, email, "DOWN | Nightly backup")
    check = f"{SITE}/checks/{url.rpartition('/')[2]}/"
    assert mail["X-To"] == email
    assert mail["List-Unsubscribe"].strip().startswith(f"<{SITE}/unsubscribe/")
    assert check in text_of(mail).splitlines()
    page.goto(check)
    expect(page.locator("#head .status")).to_have_text("Down")
    expect(page.locator("#changes")).to_contain_text("the job reported a failure")
    expect(page.locator("#changes .said-sent")).to_have_count(1, timeout=SOON)
    assert stage.curl("lb1", 6, url) == "200"
    mail_to(stage.rehearsal, email, "UP | Nightly backup")
    expect(page.locator("#head .status")).to_have_text("Up", timeout=SOON)


def add_a_webhook_that_is_refused(stage: Stage, page: Page) -> None:
    """See why: a fleet calls no private address, and all of a lab's are."""
    page.locator("nav").get_by_role("link", name="Channels").click()
    page.get_by_role("link", name="Add a webhook").click()
    page.get_by_label("Address").first.fill("http://world.stillhere.test/from-a-test")
    page.get_by_role("button", name="Add the channel").click()
    page.get_by_role("button", name=re.compile("Test .*world")).click()
    trial = page.locator(".trial")
    expect(trial).to_contain_text("The test failed: the address is private", timeout=SOON)
    assert "from-a-test" not in stage.run("world", f"cat {REQUESTS} 2>/dev/null || true")


def roots_on_client(stage: Stage) -> str:
    """Bring the authority, as the world gives it, to the client's host; return its path."""
    path = "/run/roots.pem"
    ask = "curl -sSk https://world.stillhere.test:15000/roots/0"
    stage.run("client", f"{ask} > {path}")
    return path


def _is_shown_by(opened: Response, stage: Stage, balancer: str, family: int) -> None:
    lab = stage.rehearsal.lab
    host = lab.host(balancer)
    address = lab.address(host) if family == 4 else f"[{lab.address6(host)}]"
    where, tls = opened.server_addr(), opened.security_details()
    assert where is not None
    assert tls is not None
    assert (where["ipAddress"], where["port"]) == (address, 443)
    assert tls["protocol"] == "TLS 1.3"
    assert str(tls["issuer"]).startswith("Pebble")


def _forbids_what_is_not_ours(opened: Response) -> None:
    headers = opened.all_headers()
    assert headers["strict-transport-security"] == f"max-age={YEAR}"
    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def _is_kept_for_a_year(visit: Visit, kinds: dict[str, int]) -> None:
    """At least so many files of each kind came, each by a name that says its content."""
    for kind, least in kinds.items():
        files = visit.loaded(kind)
        assert len({one.url for one in files}) >= least, kind
        for one in files:
            assert WITH_DIGEST.fullmatch(one.url.removeprefix(SITE)), one.url
            assert one.status == 200, one.url
            kept = one.all_headers()["cache-control"]
            assert kept == f"public, max-age={YEAR}, immutable", one.url
