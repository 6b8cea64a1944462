"""What an administrator does to the installation itself: looks at it, takes a backup away, tries messages, removes."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mailmine.access import credentials
from mailmine.access.secrets import Keyring
from mailmine.model.notice import Topic
from mailmine.notify.channel import Channels, Message, NotDelivered
from mailmine.notify.decide import Room
from mailmine.store import integrations, retentions, sources
from mailmine.store.database import Database
from mailmine.store.retentions import Retention
from mailmine.web.setup import Setup
from tests.browser.conftest import Meet, Person
from tests.browser.server import Served, serving_company

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

HOOK = "nordwind/hook"


class _Away:
    """A channel that nobody answers."""

    async def send(self, message: Message) -> None:
        del message
        raise NotDelivered("The address cannot be reached.")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    room = Room(name=HOOK, project="nordwind", topics=frozenset(Topic))
    setup = Setup(
        public_url="https://mail.nordwind.example",
        blobs="/srv/mailmine/blobs",
        key="the file /srv/mailmine/secret.key",
        channels=Channels(rooms={HOOK: (room, _Away())}),
    )
    with serving_company(tmp_path_factory.mktemp("pages"), setup=setup) as served:
        yield served


@pytest.fixture
def ann(meet: Meet) -> Person:
    person = meet()
    person.sign_in()
    return person


def _row(page: Page, name: str) -> str:
    return page.locator(".properties > div").filter(has=page.get_by_text(name)).inner_text()


def test_where_everything_is_and_what_it_runs_on(ann: Person, served: Served) -> None:
    page = ann.page
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_role("heading", name="Settings", level=1)).to_be_visible()
    assert "https://mail.nordwind.example" in _row(page, "Public address")
    assert str(served.database.path) in _row(page, "Database")
    assert "/srv/mailmine/blobs" in _row(page, "Contents of attachments")
    expect(page.get_by_role("row", name="aiohttp")).to_be_hidden()
    page.get_by_text("packages that it stands on").click()
    expect(page.get_by_role("row", name="aiohttp")).to_contain_text("Apache")


def test_a_key_that_is_missing_is_told(ann: Person, served: Served) -> None:
    with served.database.write() as tx:
        integration = integrations.list_all(tx)[0]
        credentials.put(tx, Keyring.generate(), integration.id, "pw", at=integration.updated_at)
    page = ann.page
    page.goto("/settings")
    expect(page.locator(".notice")).to_contain_text(f"{integration.project}/{integration.name}")
    with served.database.write() as tx:
        credentials.put(tx, served.keyring, integration.id, "pw", at=integration.updated_at)
    page.reload()
    expect(page.locator(".notice")).to_have_count(0)
    expect(page.get_by_text("The one that is kept can be opened")).to_be_visible()


def test_a_backup_is_taken_away_and_can_be_read(ann: Person, tmp_path: Path) -> None:
    page = ann.page
    page.goto("/settings")
    expect(page.get_by_text("The encryption key is not in it")).to_be_visible()
    with page.expect_download() as coming:
        page.get_by_role("button", name="Download a backup").click()
    copy = tmp_path / "mailmine.db"
    coming.value.save_as(copy)
    database = Database.open(f"sqlite:///{copy}")
    assert database.is_current()
    with database.read() as tx:
        assert sources.get(tx, "nordwind", "orders") is not None
    database.close()
    with closing(sqlite3.connect(copy)) as read:
        assert read.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    page.goto("/audit")
    expect(page.get_by_role("row", name="downloaded a backup")).to_contain_text("ann")


def test_from_the_settings_to_what_a_bucket_keeps(ann: Person, served: Served) -> None:
    page = ann.page
    page.goto("/settings")
    page.get_by_role("link", name="Change what service keeps").click()
    page.get_by_label("Comments, days").fill("365")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_role("listitem").filter(has_text="service")).to_contain_text("365 days")
    with served.database.write() as tx:
        (kept,) = retentions.list_all(tx).values()
        retentions.put(tx, Retention(bucket_id=kept.bucket_id))


def test_who_administers_nothing_sees_no_settings(meet: Meet) -> None:
    ben = meet()
    ben.sign_in("ben")
    expect(ben.page.get_by_role("link", name="Settings")).to_have_count(0)
    assert ben.page.request.get("/settings").status == 403


def test_messages_are_tried_before_they_are_needed(ann: Person) -> None:
    page = ann.page
    page.goto("/notifications")
    ways = page.locator("#ways li")
    expect(ways.filter(has_text="E-mail")).to_contain_text("No server for e-mail is set up here")
    expect(ways.filter(has_text="E-mail").get_by_role("button")).to_have_count(0)
    ways.filter(has_text="On this page").get_by_role("button").click()
    expect(page.locator("#outcome")).to_contain_text("Asked for by ann. Nothing is wrong.")
    ways.filter(has_text=HOOK).get_by_role("button").click()
    expect(page.locator("#outcome")).to_contain_text("The address cannot be reached.")
    page.goto("/notifications/test")
    expect(page).to_have_url(page.url.removesuffix("/test"))


def test_a_bucket_and_a_source_go_by_their_names(ann: Person, served: Served) -> None:
    page = ann.page
    page.goto("/buckets")
    page.get_by_role("link", name="Remove service").click()
    page.get_by_text("Remove this bucket").click()
    expect(page.get_by_text("service@nordwind.example fills it.")).to_be_visible()
    expect(page.get_by_role("button", name="Remove")).to_have_count(0)

    page.goto("/buckets")
    page.get_by_label("Project").select_option("nordwind")
    page.get_by_label("Name").fill("old")
    page.get_by_role("button", name="Make").click()
    page.get_by_role("link", name="Remove old").click()
    name = page.get_by_label("Type its name, old, to confirm")
    # Chromium opens what the link leads into.
    name.fill("new")
    page.get_by_role("button", name="Remove").click()
    expect(page.locator("#f-confirmed-wrong")).to_contain_text("Type its name, old")
    ann.excuse(422)
    name.fill("old")
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("heading", name="Buckets", level=1)).to_be_visible()
    expect(page.get_by_role("row", name="old")).to_contain_text("Being removed: 0 of 0")
    expect(page.get_by_role("link", name="Remove old")).to_have_count(0)
    page.locator("html[data-live-open]").wait_for()
    served.remove()
    expect(page.get_by_role("row", name="old")).to_have_count(0)

    page.goto("/sources/nordwind/press/settings")
    page.get_by_text("Remove this source").click()
    expect(page.locator("#remove")).to_contain_text("Emails stay in their bucket.")
    page.get_by_label("Type its name, press, to confirm").fill("press")
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("heading", name="Sources", level=1)).to_be_visible()
    expect(page.get_by_role("row", name="press")).to_contain_text("Being removed: 0 of")
    page.locator("html[data-live-open]").wait_for()
    served.remove()
    expect(page.get_by_role("row", name="press")).to_have_count(0)


@pytest.mark.parametrize("width", [390, 1280])
def test_the_pages_fit(meet: Meet, width: int) -> None:
    ann = meet(viewport={"width": width, "height": 800})
    ann.sign_in()
    for address in ("/settings", "/notifications"):
        ann.page.goto(address)
        for summary in ann.page.locator("main summary").all():
            summary.click()
        assert ann.overflow() <= 0, address
