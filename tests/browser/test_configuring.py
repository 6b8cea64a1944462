"""Somebody sets mailmine up on its pages: from the first sign-in to comments, and what he does when something is wrong."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from mailmine.access import sessions
from tests.browser.conftest import Person
from tests.browser.office import ACCOUNT, HELP, ORDERS, PASSWORD, Office, office
from tests.simulator.mails import mail

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.timeout(300),
]

EXCHANGE = "/integrations/nordwind/exchange"
PATIENCE = 60_000
"""Milliseconds for a round to come by."""


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with office(tmp_path_factory.mktemp("office")) as there:
        yield there


@pytest.fixture
def people(chromium: Browser, there: Office) -> Iterator["People"]:
    people = People(chromium, there)
    yield people
    people.leave()


class People:
    """Who sits before a browser; whatever theirs complains of fails the test."""

    def __init__(self, chromium: Browser, there: Office) -> None:
        self._chromium = chromium
        self._there = there
        self._contexts: list[BrowserContext] = []
        self._people: list[Person] = []

    def meet(self, **options: object) -> Page:
        """Let the administrator sign in at a window of his own."""
        context = self._chromium.new_context(base_url=self._there.pages, **options)  # type: ignore[arg-type]
        context.set_default_timeout(15_000)
        self._contexts.append(context)
        person = Person(context.new_page())
        self._people.append(person)
        person.listen()
        person.page.goto("/")
        person.page.get_by_label("Username").fill("admin")
        person.page.get_by_label("Password").fill(self._there.password)
        person.page.get_by_role("button", name="Sign in").click()
        person.page.get_by_role("heading", name="Overview").wait_for()
        return person.page

    def configured(self, **options: object) -> Page:
        """Let the administrator look at the integration, which he makes if it is not there yet."""
        page = self.meet(**options)
        answer = page.goto(EXCHANGE)
        if answer is not None and answer.status == 404:
            self._people[-1].complaints.clear()  # of that it is not there yet
            page.goto("/integrations/new")
            page.get_by_label("Project").fill("nordwind")
            page.get_by_label("Name", exact=True).fill("exchange")
            page.get_by_label("Exchange Server, by EWS").check()
            page.get_by_label("User and password").check()
            page.get_by_label("Address of the server").fill(self._there.ews)
            page.get_by_label("Account").fill(ACCOUNT)
            page.get_by_label("Password", exact=True).fill(PASSWORD)
            page.get_by_text("Encryption").click()
            page.get_by_label("Without TLS, on this machine only").check()
            page.get_by_role("button", name="Make integration").click()
            page.get_by_role("link", name="Add a mailbox").first.click()
            page.get_by_label("Address", exact=True).fill(ORDERS)
            page.get_by_role("button", name="Add", exact=True).click()
            page.goto(EXCHANGE)
        return page

    def leave(self) -> None:
        """Close the windows."""
        for context in self._contexts:
            context.close()
        # What is refused is answered with its status, which Chromium writes down as an error.
        said = [
            words
            for person in self._people
            for words in person.complaints
            if "status of 422" not in words and "status of 409" not in words
        ]
        assert said == []


def test_from_the_first_sign_in_to_comments(people: People, there: Office) -> None:
    there.exchange.mailbox(ORDERS).deliver(mail("Where is order 4711?", text="Still waiting."))
    page = people.meet()
    page.get_by_role("link", name="Integrations").first.click()
    page.get_by_role("link", name="Make the first one").click()

    page.get_by_label("Project").fill("nordwind")
    page.get_by_label("Name", exact=True).fill("exchange")
    page.get_by_label("Title").fill("Exchange, Hamburg")
    page.get_by_label("Exchange Server, by EWS").check()
    expect(page.get_by_label("Application (client) id")).to_be_hidden()
    page.get_by_label("Address of the server").fill(there.ews)
    page.get_by_label("Account").fill(ACCOUNT)
    page.get_by_role("button", name="Make integration").click()

    expect(page.locator("#f-password-wrong")).to_have_text("Fill in the password.")
    expect(page.locator("#f-endpoint-wrong")).to_contain_text("not encrypted")
    expect(page.get_by_label("Account")).to_have_value(ACCOUNT)
    page.get_by_text("Encryption").click()
    page.get_by_label("Without TLS, on this machine only").check()
    page.get_by_label("Password", exact=True).fill(PASSWORD)

    page.get_by_label("Mailbox to try").fill(ORDERS)
    page.get_by_role("button", name="Test connection").click()
    steps = page.locator("#steps .step")
    expect(steps.filter(has_text="Reading an email")).to_contain_text("works")
    expect(page.get_by_label("Password", exact=True)).to_have_value(PASSWORD)
    page.get_by_role("button", name="Make integration").click()
    expect(page.get_by_role("heading", name="Exchange, Hamburg")).to_be_visible()

    page.get_by_role("link", name="Add a mailbox").first.click()
    page.get_by_label("Address", exact=True).fill(ORDERS)
    page.get_by_role("button", name="Ask Exchange for the folders").click()
    expect(page.get_by_label("Only Inbox", exact=True)).to_be_visible()
    expect(page.get_by_label("Address", exact=True)).to_have_value(ORDERS)
    page.get_by_label("Leave out Drafts").check()
    page.get_by_label("Read the content of attachments, too").check()
    page.get_by_role("button", name="Add", exact=True).click()

    expect(page.get_by_role("heading", name=ORDERS)).to_be_visible()
    expect(page.locator("#how")).to_contain_text("Up to date", timeout=PATIENCE)
    drafts = page.locator("#tree tr", has_text="Drafts")
    expect(drafts).to_contain_text("Left out")
    expect(page.locator("#rounds tbody tr").first).to_contain_text("Done")
    expect(page.locator(".outcomes")).to_contain_text("200")
    page.locator(".heading").get_by_role("link", name="orders").click()
    expect(page.locator(".comment-row").first).to_contain_text("Where is order 4711?")

    there.exchange.mailbox(ORDERS).deliver(
        mail("And order 4712?", message_id="<two@example.com>", text="Tell me.")
    )
    expect(page.locator(".comment-row").first).to_contain_text("And order 4712?", timeout=PATIENCE)


def test_a_refused_password_stops_it_and_is_mended(people: People, there: Office) -> None:
    page = people.configured()
    there.exchange.account(ACCOUNT, password="another")
    # Seen live, without loading the page again.
    expect(page.locator("#how")).to_contain_text("Stopped", timeout=PATIENCE)
    expect(page.locator("#how .notice")).to_contain_text("password")

    page.get_by_role("button", name="Test connection").click()
    failed = page.locator("#steps .step.is-failed")
    expect(failed).to_contain_text("Signing in")

    page.get_by_role("link", name="Edit", exact=True).click()
    password = page.get_by_label("Password", exact=True)
    expect(password).to_have_value("")
    expect(password).to_have_attribute("placeholder", "Kept, not shown. Fill in to replace.")
    password.fill("another")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#how")).to_contain_text("Up to date", timeout=PATIENCE)
    expect(page.locator("#how .notice")).to_have_count(0)
    there.exchange.account(ACCOUNT, password=PASSWORD)
    page.get_by_role("link", name="Edit", exact=True).click()
    password.fill(PASSWORD)
    page.get_by_role("button", name="Save").click()


def test_a_kept_password_is_not_sent_elsewhere(people: People) -> None:
    page = people.configured()
    page.goto(f"{EXCHANGE}/edit")
    page.get_by_label("Address of the server").fill("https://mail.evil.example/EWS/Exchange.asmx")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#f-password-wrong")).to_contain_text("Type it again")
    page.get_by_role("button", name="Test connection").click()
    expect(page.locator("#steps .step")).to_have_count(1)
    expect(page.locator("#steps .step")).to_contain_text("Type it again")


def test_two_people_edit_one_mailbox(people: People) -> None:
    ann, ben = people.configured(), people.configured()
    for page in (ann, ben):
        page.get_by_role("link", name=ORDERS).click()
        page.get_by_role("link", name="Edit", exact=True).click()
    ann.get_by_label("Never with these domains").fill("spam.example")
    ann.get_by_label("Mail received since").fill("2026-01-01")
    ann.get_by_role("button", name="Save").last.click()
    expect(ann.get_by_role("heading", name=ORDERS, exact=True)).to_be_visible()

    ben.get_by_label("Never with these addresses").fill("noreply@shop.example")
    ben.get_by_label("Mail received since").fill("2026-02-01")
    ben.get_by_role("button", name="Save").last.click()
    expect(ben.get_by_role("alert").first).to_contain_text("Nothing was saved yet")
    expect(ben.get_by_role("alert").first).to_contain_text("admin changed this while you did")
    expect(ben.get_by_label("Never with these domains")).to_have_value("spam.example")
    expect(ben.get_by_label("Never with these addresses")).to_have_value("noreply@shop.example")
    expect(ben.get_by_label("Mail received since")).to_have_value("2026-02-01")
    expect(ben.locator("#f-start-theirs")).to_contain_text("2026-01-01")
    ben.get_by_role("button", name="Save").last.click()
    expect(ben.get_by_role("heading", name=ORDERS, exact=True)).to_be_visible()
    ben.get_by_role("link", name="Edit", exact=True).click()
    expect(ben.get_by_label("Never with these domains")).to_have_value("spam.example")
    expect(ben.get_by_label("Mail received since")).to_have_value("2026-02-01")


def test_many_mailboxes_are_added_from_a_file_without_scripts(people: People) -> None:
    people.configured()
    page = people.meet(java_script_enabled=False)
    page.goto(f"{EXCHANGE}/mailboxes/add")
    page.get_by_label("One address a line").fill(f"{ORDERS}\n{HELP}, a bucket\nnobody")
    page.get_by_role("button", name="Add").click()
    wrong = page.locator("#f-lines-wrong")
    expect(wrong).to_contain_text(f"Line 1: {ORDERS} is a mailbox of it already.")
    expect(wrong).to_contain_text("Line 2: Use the letters")
    expect(wrong).to_contain_text("Line 3: 'nobody' is no address")
    expect(page.get_by_label("One address a line")).to_have_value(
        f"{ORDERS}\n{HELP}, a bucket\nnobody"
    )
    page.get_by_label("One address a line").fill("")
    table = f"bucket;address;start\ndesk;{HELP};2026-01-01\n;gone@nordwind.example;\n"
    page.get_by_label("Or a CSV file").set_input_files(
        {"name": "boxes.csv", "mimeType": "text/csv", "buffer": table.encode()}
    )
    page.get_by_role("button", name="Add").click()
    row = page.get_by_role("row", name=HELP)
    expect(row).to_contain_text("desk")
    expect(page.get_by_role("row", name="gone@nordwind.example")).to_contain_text("gone")

    # The same test of the connection, as a page of its own.
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_role("heading", name="Test connection")).to_be_visible()
    expect(page.locator(".step.is-failed", has_text="gone@nordwind.example")).to_be_visible()
    page.get_by_role("link", name="Back to the integration").click()

    page.get_by_role("link", name="gone@nordwind.example").click()
    page.get_by_text("Delete this mailbox").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("#f-delete-wrong")).to_contain_text("Type its address")
    page.locator("#f-delete").fill("gone@nordwind.example")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("row", name=HELP)).to_be_visible()
    expect(page.get_by_role("row", name="gone@nordwind.example")).to_have_count(0)


def test_a_mailbox_is_stopped_started_and_read_anew(people: People) -> None:
    page = people.configured()
    page.get_by_role("link", name=ORDERS).click()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#how")).to_contain_text("Switched off")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#how")).to_contain_text("Up to date", timeout=PATIENCE)
    page.get_by_text("Read anew").first.click()
    page.get_by_role("button", name="Read anew").click()
    expect(page.locator("#f-anew-wrong")).to_have_text("Tick the box to confirm.")
    page.get_by_label(f"Read {ORDERS} anew").check()
    page.get_by_role("button", name="Read anew").click()
    expect(page.locator("#f-anew-wrong")).to_have_count(0)
    expect(page.locator("#how")).to_contain_text("Up to date", timeout=PATIENCE)


def test_an_integration_is_deleted_by_its_name(people: People) -> None:
    page = people.configured()
    page.get_by_text("Delete this integration").click()
    page.get_by_label("Type its name").fill("Exchange")
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("#f-confirmed-wrong")).to_have_text("Type its name, exchange, to confirm.")
    page.get_by_label("Type its name").fill("exchange")
    page.get_by_role("button", name="Delete").click()
    # It goes in the background.
    expect(page.get_by_text("No integrations yet")).to_be_visible(timeout=PATIENCE)
    # The comments stay.
    page.goto("/sources/nordwind/orders")
    expect(page.get_by_role("heading", name="orders", level=1)).to_be_visible()


def test_a_form_of_another_session_is_refused(people: People) -> None:
    page = people.meet()
    page.goto("/integrations/new")
    page.context.clear_cookies(name=sessions.COOKIE)
    page.get_by_label("Name", exact=True).fill("x")
    page.get_by_role("button", name="Make integration").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
