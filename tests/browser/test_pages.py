"""What a person does on the pages, in a real browser."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from mailmine.model.ids import ItemId
from mailmine.model.integration import Trouble
from mailmine.model.notice import Notice, PersonalChannel, Topic
from mailmine.refine import identity
from mailmine.store import deliveries, failures, integrations, mailboxes, users, workers
from mailmine.store.deliveries import Recipient
from mailmine.store.workers import Worker
from tests.browser import letters, seed
from tests.browser.conftest import Meet
from tests.browser.server import Served

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

ORDERS = "/sources/nordwind/orders"
PAGES = [
    "/",
    "/integrations",
    ORDERS,
    f"{ORDERS}?q=order",
    f"{ORDERS}?q=nothingatall",
    f"{ORDERS}/comments/{identity.comment_id(letters.HOSTILE_ID)}",
    "/sources/nordwind/support",
    "/sources/nordwind/press",
    "/account",
    "/notifications",
    "/people",
    "/audit",
    "/cluster",
    "/settings",
    "/sources",
    "/buckets",
    "/streams",
    f"{ORDERS}/settings",
    f"{ORDERS}?q=order&domain=baltik-logistyka.example",
]

EXCHANGE = "/integrations/nordwind/exchange-2019"
PAGES += [
    "/integrations/new",
    EXCHANGE,
    "/integrations/nordwind/exchange-2010",
    f"{EXCHANGE}/edit",
    f"{EXCHANGE}/mailboxes/add",
    f"{EXCHANGE}/mailboxes/new",
    f"{EXCHANGE}/mailboxes/service@nordwind.example",
    f"{EXCHANGE}/mailboxes/sales.benelux@nordwind.example",
    f"{EXCHANGE}/mailboxes/orders@nordwind.example/edit",
]

LUMINANCE = """() => {
  const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/g).map(Number);
  return (r + g + b) / 3;
}"""


def test_from_signing_in_to_reading_a_conversation(meet: Meet, served: Served) -> None:
    ann = meet()
    ann.page.goto(ORDERS)
    expect(ann.page.get_by_role("heading", name="Sign in")).to_be_visible()
    ann.page.get_by_label("Username").fill("ann")
    ann.page.get_by_label("Password").fill(seed.PASSWORD)
    ann.page.keyboard.press("Enter")
    expect(ann.page).to_have_url(f"{served.address}{ORDERS}")
    expect(ann.page.get_by_role("heading", name="Orders", level=1)).to_be_visible()

    ann.page.get_by_role("link", name="Re: Order 4711: truck waits").last.click()
    expect(ann.page.locator("#body")).to_contain_text("gate 3 is closed for repairs")
    expect(ann.page.locator("#body")).not_to_contain_text("wrote:")
    cut = ann.page.locator("#cut .zone").first
    expect(cut).to_be_hidden()
    ann.page.get_by_text("What was cut").click()
    expect(cut).to_be_visible()

    conversation = ann.page.locator("#conversation > li")
    expect(conversation).to_have_count(3)
    first = conversation.first.locator(".whole")
    expect(first).to_be_hidden()
    ann.page.get_by_role("button", name="Expand all").click()
    expect(first).to_be_visible()
    expect(first).to_contain_text("our truck for order 4711")
    first.get_by_role("link", name="Open this comment").click()
    expect(ann.page.get_by_role("heading", level=1)).to_have_text("Order 4711: truck waits")

    ann.page.get_by_role("button", name="Sign out").click()
    expect(ann.page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_search_by_keyboard_marks_what_it_found(meet: Meet) -> None:
    ann = meet()
    ann.sign_in()
    ann.page.get_by_label("Pages").get_by_role("link", name="Orders").click()
    expect(ann.page.get_by_role("heading", name="Orders", level=1)).to_be_visible()
    ann.page.wait_for_load_state()
    ann.page.keyboard.press("/")
    expect(ann.page.get_by_role("searchbox")).to_be_focused()
    ann.page.keyboard.type("copper brackets")
    ann.page.keyboard.press("Enter")
    rows = ann.page.locator(".comment-row")
    expect(rows).to_have_count(1)
    expect(rows.locator("mark")).to_have_text(["copper", "brackets"])
    ann.page.get_by_role("link", name="Show all").click()
    expect(rows).to_have_count(50)


def test_the_list_goes_on_while_one_scrolls(meet: Meet) -> None:
    ann = meet()
    ann.sign_in()
    ann.page.goto(ORDERS)
    rows = ann.page.locator(".comment-row")
    expect(rows).to_have_count(50)
    ann.page.locator(".older").scroll_into_view_if_needed()
    expect(rows).to_have_count(100)
    ann.page.locator(".older").scroll_into_view_if_needed()
    expect(ann.page.get_by_text("That is all.")).to_be_attached()
    ids = rows.evaluate_all("rows => rows.map((row) => row.id)")
    assert len(ids) == len(set(ids)) > 120


def test_new_mail_appears_by_itself(meet: Meet, served: Served) -> None:
    ann = meet()
    ann.sign_in()
    ann.page.goto("/sources/nordwind/support")
    first = ann.page.locator(".comment-row").first
    expect(first).to_contain_text("Login impossible")
    ann.page.locator("html[data-live-open]").wait_for()
    # The stream is open, but its first look at the store only learns what is there already.
    for number in range(20):
        with served.database.write() as tx:
            mail = letters.note(f"live-{number}", "The lift is stuck again.")
            seed.deliver(tx, served.company.service, mail, at=datetime.now(UTC))
        try:
            expect(first).to_contain_text("The lift is stuck again.", timeout=3_000)
        except AssertionError:
            continue
        break
    expect(first).to_contain_text("The lift is stuck again.")
    expect(ann.page.get_by_role("status")).to_contain_text("New comments")
    total = len(ann.page.locator(".comment-row").all())
    expect(ann.page.locator("#total")).to_have_text(f"{total} comments")


def test_trouble_appears_by_itself_and_open_folders_stay_open(meet: Meet, served: Served) -> None:
    ann = meet()
    ann.sign_in()
    ann.page.goto("/integrations")
    board = ann.page.locator("details.mailbox", has_text="board@nordwind.example")
    board.locator("summary").click()
    expect(board.locator("table")).to_be_visible()
    ann.page.locator("html[data-live-open]").wait_for()
    trouble = Trouble(code="http_503", message="Exchange is busy.", since=datetime.now(UTC))
    mailbox_id = served.company.board.mailbox_id
    for number in range(20):
        with served.database.write() as tx:
            mailboxes.set_trouble(tx, mailbox_id, trouble)
            at = datetime.now(UTC) + timedelta(days=2 * (number + 1))
            seed.end_round(tx, served.company.done.mailbox_id, at=at)
            mailboxes.set_trouble(tx, mailbox_id, trouble)
        try:
            expect(board).to_contain_text("Exchange is busy.", timeout=3_000)
        except AssertionError:
            continue
        break
    expect(board).to_contain_text("Exchange is busy.")
    expect(board.locator("table")).to_be_visible()
    expect(ann.page.locator("details.mailbox[open]", has_text="orders@")).to_have_count(0)


def test_without_scripts_everything_is_there(meet: Meet) -> None:
    ann = meet(java_script_enabled=False)
    ann.sign_in()
    ann.page.get_by_role("link", name="Integrations").first.click()
    ann.page.locator("summary", has_text="orders@nordwind.example").click()
    expect(ann.page.get_by_role("cell", name="Inbox / Done")).to_be_visible()
    ann.page.goto(ORDERS)
    ann.page.get_by_role("link", name="Older comments").click()
    ann.page.get_by_role("link", name="Older comments").click()
    expect(ann.page.get_by_text("That is all.")).to_be_visible()
    ann.page.get_by_role("searchbox").fill("pallets")
    ann.page.keyboard.press("Enter")
    expect(ann.page.locator("mark")).to_have_text("pallets")
    ann.page.get_by_role("link", name="Order 4711").click()
    expect(ann.page.locator("#body")).to_contain_text("copper")
    ann.page.locator("#conversation summary").first.click()
    expect(ann.page.locator("#conversation .whole").first).to_be_visible()


@pytest.mark.parametrize(
    ("width", "scheme"),
    [(320, "light"), (390, "dark"), (768, "light"), (1280, "dark"), (2200, "light")],
)
def test_no_page_is_wider_than_its_window(meet: Meet, width: int, scheme: str) -> None:
    ann = meet(viewport={"width": width, "height": 800}, color_scheme=scheme)
    ann.sign_in()
    for page in PAGES:
        ann.page.goto(page)
        assert ann.overflow() <= 0, page
        assert (ann.page.evaluate(LUMINANCE) < 60) == (scheme == "dark"), page


def test_hostile_mail_runs_nothing(meet: Meet) -> None:
    ann = meet()
    asked: list[str] = []
    ann.page.on("dialog", lambda dialog: asked.append(dialog.message))
    ann.page.on("request", lambda request: asked.append(request.url))
    ann.sign_in()
    for page in (PAGES[0], PAGES[2], f"{ORDERS}?q=evil", PAGES[5]):
        ann.page.goto(page)
        assert "broken" not in ann.page.title()
        expect(ann.page.get_by_role("main")).to_be_visible()
    origin = ann.page.evaluate("location.origin")
    assert [address for address in asked if not address.startswith(origin)] == []


def test_the_keyboard_reaches_the_content_first(meet: Meet) -> None:
    ann = meet()
    ann.sign_in()
    ann.page.goto(ORDERS)
    ann.page.keyboard.press("Tab")
    expect(ann.page.get_by_role("link", name="Skip to the content")).to_be_focused()
    ann.page.keyboard.press("Enter")
    expect(ann.page.locator("#main")).to_be_focused()


CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255, 255];
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || !element.checkVisibility() || element.closest(".unseen, .skip, script")) continue;
    const [a, b] = [light(rgb(getComputedStyle(element).color)), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.push(`${ratio.toFixed(2)} ${element.className}: ${node.data.trim().slice(0, 40)}`);
  }
  return [...new Set(faint)];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(meet: Meet, scheme: str) -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1."""
    ann = meet(color_scheme=scheme, reduced_motion="reduce")
    ann.page.goto("/sign-in")
    assert ann.page.evaluate(CONTRAST) == []
    ann.sign_in()
    for page in PAGES:
        ann.page.goto(page)
        assert ann.page.evaluate(CONTRAST) == [], page


def test_what_one_was_told_and_wants_to_be_told(meet: Meet, served: Served) -> None:
    with served.database.write() as tx:
        ann = users.by_username(tx, "ann")
        integration = integrations.list_all(tx)[0]
        assert ann is not None
        notice = Notice(
            topic=Topic.MAILBOX_DISABLED,
            about=Topic.MAILBOX_DISABLED,
            project=integration.project,
            integration_id=integration.id,
            integration=integration.title,
            mailbox_ids=(),
            mailboxes=("gone@nordwind.example",),
            code="ErrorNonExistentMailbox",
            message="There is no such mailbox. <b>Correct</b> the address.",
            since=datetime(2026, 3, 1, 12, tzinfo=UTC),
        )
        to = Recipient(user_id=ann.id, channel=PersonalChannel.IN_APP)
        deliveries.add(tx, to, [notice], at=datetime.now(UTC))
    person = meet()
    person.sign_in()
    page = person.page
    page.get_by_role("link", name="Notifications").click()

    told = page.get_by_role("group").filter(has_text="gone@nordwind.example")
    expect(told).to_contain_text("There is no such mailbox. <b>Correct</b> the address.")
    expect(told).to_contain_text("new")
    expect(page.get_by_label("1 unread")).to_be_visible()
    page.get_by_role("button", name="Mark all as read").click()
    expect(page.get_by_label("1 unread")).to_have_count(0)

    box = page.get_by_role("checkbox", name="A mailbox was disabled: by e-mail")
    expect(box).to_be_checked()
    box.uncheck()
    with page.expect_navigation():
        page.get_by_role("button", name="Save").click()
    page.reload()
    expect(
        page.get_by_role("checkbox", name="A mailbox was disabled: by e-mail")
    ).not_to_be_checked()
    expect(page.get_by_role("checkbox", name="An integration was disabled: here")).to_be_checked()


def test_what_could_not_be_read_is_tried_again(meet: Meet, served: Served) -> None:
    mailbox_id = served.company.orders.mailbox_id
    with served.database.write() as tx:
        failures.record(
            tx,
            mailbox_id,
            served.company.orders.key,
            ItemId("AAA="),
            code="ErrorItemCorrupt",
            message="Exchange cannot convert it.",
            at=datetime.now(UTC),
            next_try_at=None,
        )
    person = meet()
    person.sign_in()
    page = person.page
    page.goto(f"/integrations?open={mailbox_id}")
    box = page.locator(f"#m-{mailbox_id}")
    expect(box).to_contain_text("1 email failed: Exchange cannot convert it. (ErrorItemCorrupt)")
    box.get_by_role("button", name="Try again").click()
    page.wait_for_url("**/integrations")
    with served.database.write() as tx:
        (again,) = failures.of_mailbox(tx, mailbox_id, 10)
        assert again.next_try_at is not None
        failures.resolve(tx, mailbox_id, [ItemId("AAA=")])


def test_which_processes_read_and_which_cannot(meet: Meet, served: Served) -> None:
    now = datetime.now(UTC)
    here = Worker(id="here", host="one", pid=1, version="1", since=now, seen_at=now, taken_over=0)
    with served.database.write() as tx:
        for worker in (
            here,
            replace(here, id="full", host="two", has_room=False),
            replace(here, id="silent", host="three", seen_at=now - timedelta(minutes=1)),
        ):
            workers.put(tx, worker)
    ann = meet()
    ann.sign_in()
    ann.page.goto("/cluster")
    states = ann.page.locator("tbody tr", has_text="process 1").locator(".state")
    expect(states).to_have_text(["Disk full", "Here", "Silent"])
    with served.database.write() as tx:
        for worker_id in ("here", "full", "silent"):
            workers.leave(tx, worker_id)
