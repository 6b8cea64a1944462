"""How a person explores a source, takes away what he found, and lets a program work it off, in a real browser."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from mailmine.model.comment import Comment, Message
from mailmine.model.ids import CommentId
from mailmine.refine import VERSION
from mailmine.store import comments, datasets, fills, projects, sources
from mailmine.store.comments import NewComment
from tests.browser import hostile
from tests.browser.conftest import Meet, Person
from tests.browser.server import Served

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

ORDERS = "/sources/nordwind/orders"
WEBER = f"{ORDERS}?domain=weber-soehne.example"


@pytest.fixture
def ann(meet: Meet) -> Person:
    person = meet()
    person.sign_in()
    return person


def test_facets_filter_and_chips_are_taken_off(ann: Person) -> None:
    page = ann.page
    page.goto(ORDERS)
    facets = page.get_by_role("complementary", name="Filters and plots")
    facets.get_by_role("link", name="weber-soehne.example 26", exact=True).click()
    expect(page).to_have_url(re.compile("domain=weber-soehne.example"))
    rows = page.locator(".comment-row")
    expect(page.get_by_text("26 comments match")).to_be_visible()
    expect(rows).to_have_count(26)
    facets.get_by_role("link", name="Inbox 2").click()
    expect(rows).to_have_count(2)
    # Others of the same kind are still offered, and come along.
    facets.get_by_role("link", name="Inbox / Done 24").click()
    expect(rows).to_have_count(26)
    page.get_by_role("link", name="Take off Folder Inbox / Done").click()
    expect(rows).to_have_count(2)
    page.get_by_role("link", name="Show all").click()
    expect(rows).to_have_count(50)


def test_a_bar_of_the_plot_leads_to_its_day(meet: Meet) -> None:
    # It takes no script.
    person = meet(java_script_enabled=False)
    person.sign_in()
    page = person.page
    page.goto(ORDERS)
    page.get_by_text("As a table").click()
    day = page.get_by_role("row").filter(has=page.get_by_role("rowheader")).nth(3)
    count = int(day.get_by_role("cell").inner_text())
    name = day.get_by_role("rowheader").inner_text()
    day.get_by_role("link").click()
    expect(page.locator(".comment-row")).to_have_count(count)
    expect(page.get_by_role("list", name="Filters")).to_contain_text(name)
    page.locator("#timeline svg a", has=page.locator(".bar:not([height='0.0'])")).first.click()
    expect(page.locator(".comment-row").first).to_be_visible()


def test_an_hour_and_an_answer_filter(ann: Person) -> None:
    page = ann.page
    page.goto(ORDERS)
    cell = page.locator(".hours td a").first
    words, _, count = str(cell.get_attribute("title")).rpartition(": ")
    cell.click()
    expect(page.locator(".comment-row")).to_have_count(int(count))
    expect(page.get_by_role("list", name="Filters")).to_contain_text(words)
    page.goto(ORDERS)
    page.get_by_role("link", name="within an hour").click()
    expect(page.locator(".comment-row")).to_have_count(2)


def test_a_filter_is_typed(ann: Person) -> None:
    page = ann.page
    page.goto(f"{ORDERS}?q=truck")
    page.get_by_role("combobox", name="Property").select_option(label="Sender Domain")
    page.get_by_role("textbox", name="is exactly").fill("nordwind.example")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator(".comment-row")).to_have_count(1)
    expect(page.get_by_role("searchbox")).to_have_value("truck")


def test_from_the_list_to_its_comments_and_back_by_keyboard(ann: Person) -> None:
    page = ann.page
    page.goto(WEBER)
    page.wait_for_load_state()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator(".comment-row").first.get_by_role("link")).to_be_focused()
    page.keyboard.press("Enter")
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Auftrag 4698: feuchte Kartons")
    expect(page.get_by_role("link", name="Newer")).to_have_count(0)
    page.keyboard.press("j")
    expect(heading).to_contain_text("Fwd: Donau")
    page.keyboard.press("k")
    expect(heading).to_have_text("Auftrag 4698: feuchte Kartons")
    page.keyboard.press("u")
    expect(page.locator(".comment-row")).to_have_count(26)


def test_a_comment_tells_what_was_cut_and_why(ann: Person) -> None:
    page = ann.page
    page.goto(f"{ORDERS}?q=gate")
    page.get_by_role("link", name="Re: Order 4711: truck waits").first.click()
    expect(page.locator("#body mark").first).to_have_text("gate")
    page.get_by_text("What was cut").click()
    quoted = page.locator(".zone-quoted")
    expect(quoted.first).to_contain_text("Quoted Words of an earlier email")
    expect(page.locator(".zone-new.is-kept").first).to_contain_text("kept")
    # Its properties lead to all that have the same.
    page.get_by_role("link", name="orders@nordwind.example", exact=True).click()
    expect(page.get_by_role("list", name="Filters")).to_contain_text("orders@nordwind.example")


def test_a_selection_is_taken_away(ann: Person) -> None:
    page = ann.page
    page.goto(WEBER)
    with page.expect_download() as begun:
        page.get_by_role("link", name="JSON").click()
    lines = Path(begun.value.path()).read_text(encoding="utf-8").splitlines()
    assert begun.value.suggested_filename == "nordwind-orders.jsonl"
    assert len(lines) == 26
    assert all("weber-soehne" in json.loads(line)["messages"][0]["from"] for line in lines)
    with page.expect_download() as begun:
        page.get_by_role("link", name="CSV").click()
    written = Path(begun.value.path()).read_bytes().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(written, newline="")))
    assert [row["id"] for row in rows] == [json.loads(line)["id"] for line in lines]


@pytest.mark.usefixtures("streaming")
def test_a_stream_is_made_of_what_one_explores(ann: Person) -> None:
    page = ann.page
    page.goto(f"{WEBER}&language=de")
    page.get_by_role("link", name="Make a stream").click()
    expect(page.get_by_text("A stream cannot filter by language")).to_be_visible()
    expect(page.locator("#count")).to_contain_text("26 comments match")
    page.locator(".facets").get_by_role("link", name="Inbox 2").click()
    expect(page.locator("#count")).to_contain_text("2 comments match")
    page.get_by_label("Name").fill("not a name")
    page.get_by_role("button", name="Make the stream").click()
    expect(page.get_by_text("cannot be the name of a stream")).to_be_visible()
    ann.excuse(422)
    page.get_by_label("Name").fill("weber")
    page.get_by_role("button", name="Make the stream").click()
    expect(page.get_by_role("heading", name="weber", level=1)).to_be_visible()
    coming = page.locator("#coming li")
    expect(coming).to_have_count(2)
    expect(page.locator("#python")).to_contain_text("client.stream('nordwind/all/weber')")
    page.get_by_label("Pages").get_by_role("link", name="Streams").click()
    row = page.get_by_role("row", name="weber")
    expect(row).to_contain_text("Domain weber-soehne.example")
    expect(row).to_contain_text("Folder Inbox")


@pytest.mark.usefixtures("streaming")
def test_what_a_stream_gives_is_told_first_on_a_phone_and_beside_on_a_wide_screen(
    ann: Person,
) -> None:
    page = ann.page
    page.goto("/streams/nordwind/all/streams/robot")
    gives, state = page.locator(".beside"), page.locator("#stream-state")

    def places() -> tuple[float, float, float, float]:
        one, other = gives.bounding_box(), state.bounding_box()
        assert one is not None
        assert other is not None
        return one["x"], one["y"], other["x"], other["y"]

    page.set_viewport_size({"width": 1280, "height": 800})
    gives_x, gives_y, state_x, state_y = places()
    assert gives_x > state_x
    assert gives_y == state_y
    page.set_viewport_size({"width": 390, "height": 844})
    gives_x, gives_y, state_x, state_y = places()
    assert gives_x == state_x
    assert gives_y < state_y


@pytest.mark.usefixtures("streaming")
def test_a_stream_is_reset_by_who_types_its_name(ann: Person) -> None:
    page = ann.page
    page.goto("/streams/nordwind/all/streams/robot")
    expect(page.locator("#exceptions")).to_contain_text("No <b>order</b> number")
    page.get_by_role("button", name="Done").click()
    expect(page.locator("#exceptions")).to_have_count(0)
    expect(page.locator("#coming li")).to_have_count(10)
    page.get_by_label("To, UTC").fill("2037-01-01T00:00")
    page.get_by_role("button", name="Reset").click()
    expect(page.get_by_text("Nothing was reset")).to_be_visible()
    ann.excuse(422)
    page.get_by_label("To, UTC").fill("2037-01-01T00:00")
    page.get_by_label("Type robot to confirm").fill("robot")
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("#coming")).to_contain_text("Nothing: all was read.")
    expect(page.locator("#stream-figures")).to_contain_text("2037")


def test_a_source_is_made_on_a_bucket_and_fills(ann: Person, served: Served) -> None:
    page = ann.page
    page.goto("/buckets")
    page.get_by_label("Project").select_option("nordwind")
    page.get_by_label("Name").fill("archive")
    page.get_by_role("button", name="Make").click()
    expect(page.get_by_role("row", name="archive")).to_contain_text("no mailbox")
    page.get_by_label("Name").fill("archive")
    page.get_by_label("Project").select_option("nordwind")
    page.get_by_role("button", name="Make").click()
    expect(page.get_by_text("There is a bucket nordwind/archive already.")).to_be_visible()
    ann.excuse(422)

    page.goto("/sources")
    page.get_by_label("Project").select_option("nordwind")
    page.get_by_label("Name").fill("second")
    page.get_by_label("Shows the emails of").select_option(label="shared (nordwind/shared)")
    page.get_by_role("button", name="Make").click()
    figures = page.locator("#source-figures")
    expect(figures).to_contain_text("0 of 126")
    expect(page.get_by_role("progressbar")).to_be_visible()
    with served.database.write() as tx:
        made = sources.get(tx, "nordwind", "second")
        assert made is not None
        assert fills.of_source(tx, made.id) is not None
    page.get_by_label("Title").fill("Second look")
    page.get_by_label("Shows the emails of").select_option("")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Second look", level=1)).to_be_visible()
    expect(figures).not_to_contain_text("of 126")


def test_a_bucket_is_refined_anew(ann: Person, served: Served) -> None:
    page = ann.page
    page.goto("/buckets")
    page.get_by_role("button", name="Refine anew: service").click()
    row = page.get_by_role("row", name="service")
    expect(row).to_contain_text("Being filled: 0 of 4")
    expect(row.get_by_role("button")).to_have_count(0)
    with served.database.write() as tx:
        support = sources.get(tx, "nordwind", "support")
        assert support is not None
        fill = fills.of_source(tx, support.id)
        assert fill is not None
        assert fill.anew
        fills.end(tx, support.id)


@pytest.mark.usefixtures("streaming")
def test_who_may_only_read_sees_no_way_to_change(meet: Meet) -> None:
    ben = meet()
    ben.sign_in("ben")
    page = ben.page
    page.goto(ORDERS)
    expect(page.get_by_role("link", name="CSV")).to_be_visible()
    for name in ("Make a stream", "Settings", "Buckets", "Streams"):
        expect(page.get_by_role("link", name=name)).to_have_count(0)
    page.goto(f"{ORDERS}/settings")
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    for address, status in (
        ("/buckets", 403),
        ("/streams", 403),
        ("/streams/nordwind/all/streams/robot", 404),
        ("/sources/board/minutes/export.csv", 404),
    ):
        assert page.request.get(address).status == status, address


@pytest.mark.usefixtures("streaming")
@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (390, "dark"), (1280, "light")])
def test_no_page_is_wider_than_its_window(meet: Meet, width: int, scheme: str) -> None:
    person = meet(viewport={"width": width, "height": 800}, color_scheme=scheme)
    person.sign_in()
    for address in (
        f"{ORDERS}?q=order&folder=Inbox+(/+Inbox)",
        f"{ORDERS}#facets",
        f"{ORDERS}/settings",
        "/sources",
        "/buckets",
        "/streams",
        "/streams/new",
        "/streams/nordwind/all/new",
        "/streams/nordwind/all/streams/robot",
    ):
        person.page.goto(address)
        expect(person.page.get_by_role("main")).to_be_visible()
        assert person.overflow() <= 0, address


HARM = """() => ({
  ran: window.ran ?? null,
  scripts: document.querySelectorAll("script").length,
  handlers: [...document.querySelectorAll("*")].filter((e) => [...e.attributes].some((a) => /^on|^style$/i.test(a.name))).length,
  links: [...document.querySelectorAll("[href], [src], [action]")].filter((e) => {
    const to = e.getAttribute("href") ?? e.getAttribute("src") ?? e.getAttribute("action");
    return !/^[/#?]/.test(to) || to.startsWith("//");
  }).length,
  strangers: document.querySelectorAll("main :is(img, iframe, object, embed, video, math, style, link, meta, base, dialog, template)").length,
})"""
UNHARMED = {"ran": None, "scripts": 1, "handlers": 0, "links": 0, "strangers": 0}


@pytest.fixture(scope="module")
def evil(served: Served) -> list[str]:
    """Fill a source with every trick there is; gives the ids of its comments."""
    at = datetime.now(UTC) - timedelta(days=1)
    with served.database.write() as tx:
        project = projects.get(tx, "nordwind")
        assert project is not None
        source = sources.ensure(tx, project.id, "evil", title=hostile.TRICKS[1][:100])
        every = list(hostile.letters(at))
        comments.put(tx, source.id, every, at=at)
        datasets.add(
            tx,
            project.id,
            "evil",
            title=hostile.TRICKS[2][:100],
            description="",
            has_sentiment=False,
            model_family="english",
            flags=(),
            definitions={},
            source_ids=(source.id,),
            at=at,
        )
    return [one.comment.id for one in every]


def test_hostile_mail_changes_nothing_and_runs_nothing(ann: Person, evil: list[str]) -> None:
    page = ann.page
    seen: list[str] = []
    page.on("dialog", lambda dialog: seen.append(dialog.message))
    page.on("request", lambda request: seen.append(request.url))
    assert len(hostile.TRICKS) > 300
    lists = _every_page_of_the_list(page, "/sources/nordwind/evil")
    searches = [f"/sources/nordwind/evil?q={quote(trick[:80])}" for trick in hostile.TRICKS[::40]]
    filters = [
        f"/sources/nordwind/evil?{quote(name)}={quote(trick[:200])}"
        for trick in hostile.TRICKS[::60]
        for name in ("folder", "sender", f"string:{trick[:60]}")
    ]
    shown = [f"/sources/nordwind/evil/comments/{quote(one, safe='')}" for one in evil[::8]]
    others = [
        "/",
        "/sources",
        "/sources/nordwind/evil/settings",
        "/streams",
        "/streams/nordwind/evil/new",
    ]
    for address in (*lists, *searches, *filters, *shown, *others):
        page.goto(address)
        assert page.evaluate(HARM) == UNHARMED, address
        assert page.get_by_role("main").is_visible(), address
        assert ann.overflow() <= 0, address
    origin = page.evaluate("location.origin")
    assert [one for one in seen if not one.startswith(origin)] == []


def _every_page_of_the_list(page: Page, address: str) -> list[str]:
    """Follow the list to its end without a script's help."""
    found = [address]
    while True:
        written = page.request.get(found[-1]).text()
        _, is_there, rest = written.partition('rel="next" href="')
        if not is_there:
            return found
        found.append(rest.partition('"')[0].replace("&amp;", "&"))


def test_a_comment_of_a_client_without_anything_is_shown(ann: Person, served: Served) -> None:
    at = datetime.now(UTC)
    with served.database.write() as tx:
        press = sources.get(tx, "nordwind", "press")
        assert press is not None
        bare = Comment(id=CommentId("bare"), timestamp=at, messages=(Message(body=""),))
        comments.put(
            tx, press.id, [NewComment(comment=bare, email_key=None, refined=VERSION)], at=at
        )
    ann.page.goto("/sources/nordwind/press")
    ann.page.get_by_role("link", name="(no subject)").click()
    expect(ann.page.get_by_text("(no words of its own)")).to_be_visible()
    expect(ann.page.get_by_text("What was cut")).to_have_count(0)
