"""A person at a browser: Debian's Chromium, on the pages of the seeded company."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from mailmine.store import comments, datasets, sources, streams
from tests.browser import seed
from tests.browser.server import Served, serving_company
from tests.conftest import CHROMIUM

OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving_company(tmp_path_factory.mktemp("pages")) as served:
        yield served


@pytest.fixture(scope="module")
def streaming(served: Served) -> Served:
    """Let a program have a stream, and have marked a comment for a person."""
    at = datetime.now(UTC)
    with served.database.write() as tx:
        orders = sources.get(tx, "nordwind", "orders")
        assert orders is not None
        made = datasets.add(
            tx,
            orders.project_id,
            "all",
            title="All mail",
            description="",
            has_sentiment=False,
            model_family="english",
            flags=(),
            definitions={},
            source_ids=(orders.id,),
            at=at,
        )
        stream = streams.add(
            tx,
            made.id,
            "robot",
            title="Robot",
            description="",
            comment_filter={"messages": {"from": {"domain_one_of": ["baltik-logistyka.example"]}}},
            model=None,
            updates=streams.Updates.TEXT,
            at=at,
        )
        (one,) = comments.page(
            tx, orders.id, newest_first=True, after=None, limit=1, since=None, until=None
        )
        uid = f"{orders.id}.{one.comment.id}"
        streams.tag_exceptions(tx, stream.id, {uid: "No <b>order</b> number"}, at=at)
    return served


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


@dataclass(slots=True)
class Person:
    """Somebody with a browser window of his own."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    """What the browser wrote to its console: errors, and violations of the Content-Security-Policy."""

    def listen(self) -> None:
        """Write down what the browser complains of."""
        self.page.on(
            "console",
            lambda message: (
                self.complaints.append(message.text) if message.type == "error" else None
            ),
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def sign_in(self, username: str = "ann") -> None:
        self.page.goto("/sign-in")
        self.page.get_by_label("Username").fill(username)
        self.page.get_by_label("Password").fill(seed.PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("heading", name="Overview").wait_for()

    def excuse(self, status: int) -> None:
        """Forget the one complaint of a form that came back with what is wrong."""
        (found,) = [one for one in self.complaints if f"status of {status}" in one]
        self.complaints.remove(found)

    def overflow(self) -> int:
        """Measure by how many pixels the page is wider than the window."""
        width: int = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return width


Meet = Callable[..., Person]


@pytest.fixture
def meet(chromium: Browser, served: Served) -> Iterator[Meet]:
    """Open a window; its arguments are those of a browser context. Whatever it complains of fails the test."""
    contexts: list[BrowserContext] = []
    people: list[Person] = []

    def open_window(**options: object) -> Person:
        context = chromium.new_context(base_url=served.address, **options)  # type: ignore[arg-type]
        context.set_default_timeout(15_000)
        contexts.append(context)
        person = Person(context.new_page())
        people.append(person)
        person.listen()
        return person

    yield open_window
    for context in contexts:
        context.close()
    assert [person.complaints for person in people if person.complaints] == []
