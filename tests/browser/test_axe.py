"""axe-core, which knows what keeps people from using a page, finds nothing serious on any."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from mailmine.store import buckets
from tests.browser.conftest import Meet
from tests.browser.server import Served
from tests.browser.test_pages import EXCHANGE, ORDERS, PAGES
from tests.npm import packages

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

FOLDER = Path(__file__).resolve().parent / "axe"
LOOK = """async () => {
  const found = await axe.run({ resultTypes: ["violations"] });
  return found.violations
    .filter((one) => ["serious", "critical"].includes(one.impact))
    .flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html.slice(0, 160)}`));
}"""

Look = Callable[[Page], Any]


@pytest.fixture(scope="module")
def look() -> Look:
    """Look at the page that is shown; gives what is wrong."""
    packages(FOLDER, "axe-core")
    source = (FOLDER / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")

    def look(page: Page) -> Any:
        page.evaluate(source)
        return page.evaluate(LOOK)

    return look


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_on_any_page(meet: Meet, look: Look, scheme: str) -> None:
    ann = meet(color_scheme=scheme, reduced_motion="reduce")
    ann.page.goto("/sign-in")
    assert look(ann.page) == []
    ann.sign_in()
    for page in PAGES:
        ann.page.goto(page)
        assert look(ann.page) == [], page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_where_something_is_wrong(meet: Meet, look: Look, scheme: str) -> None:
    ann = meet(color_scheme=scheme, reduced_motion="reduce")
    ann.sign_in()
    ann.page.goto("/integrations/new")
    for summary in ann.page.locator("form summary").all():
        summary.click()
    ann.page.get_by_role("button", name="Test connection").click()
    ann.page.locator("#steps .step").first.wait_for()
    assert look(ann.page) == []
    ann.page.get_by_role("button", name="Make integration").click()
    ann.page.locator("#wrong").wait_for()
    assert look(ann.page) == []
    ann.page.goto(EXCHANGE)
    ann.page.get_by_text("Delete this integration").click()
    ann.page.get_by_role("button", name="Delete").click()
    ann.page.locator(".fault").wait_for()
    assert look(ann.page) == []
    # Chromium writes down the status of a form that is refused.
    ann.complaints = [one for one in ann.complaints if "status of 422" not in one]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_on_streams_and_where_things_are_kept(
    meet: Meet, look: Look, streaming: Served, scheme: str
) -> None:
    with streaming.database.read() as tx:
        bucket_id = buckets.list_all(tx)[0].id
    ann = meet(color_scheme=scheme, reduced_motion="reduce")
    ann.sign_in()
    for page in (
        "/streams",
        "/streams/new",
        "/streams/nordwind/all/new",
        "/streams/nordwind/all/streams/robot",
        f"/buckets/{bucket_id}/retention",
        "/settings",
        "/cluster",
        "/notifications",
        f"{ORDERS}?hour=thu+10",
        f"{ORDERS}/settings",
    ):
        ann.page.goto(page)
        for summary in ann.page.locator("main summary:visible").all():
            summary.click()
        assert look(ann.page) == [], page
    ann.page.goto("/notifications")
    ann.page.get_by_role("button", name="Send a test message").first.click()
    ann.page.locator("#outcome").wait_for()
    assert look(ann.page) == []
