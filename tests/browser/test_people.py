"""Somebody is let in, gets a role, makes a token, and is shut out: in a real browser."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Meet

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_an_administrator_lets_somebody_in_who_then_gives_a_script_its_token(meet: Meet) -> None:
    ann = meet()
    ann.sign_in()
    ann.page.get_by_role("link", name="People").click()
    form = ann.page.locator("form.fields")
    form.get_by_label("Username").fill("zoe")
    form.get_by_label("Role").select_option(
        label="Reader: reads comments and sees how the mailboxes do"
    )
    form.get_by_label("In the project").select_option("nordwind")
    form.get_by_role("button", name="Add").click()
    password = ann.page.locator("#secret").inner_text()

    zoe = meet()
    zoe.page.goto("/")
    zoe.page.get_by_label("Username").fill("zoe")
    zoe.page.get_by_label("Password").fill(password)
    zoe.page.keyboard.press("Enter")
    expect(zoe.page.get_by_role("heading", name="Overview")).to_be_visible()
    expect(zoe.page.get_by_label("Pages").get_by_role("link", name="Orders")).to_be_visible()
    expect(zoe.page.get_by_role("link", name="People")).to_have_count(0)
    expect(zoe.page.get_by_label("Pages").get_by_role("link", name="Board minutes")).to_have_count(
        0
    )

    zoe.page.get_by_role("link", name="zoe").click()
    zoe.page.get_by_label("A new token for").fill("nightly export")
    zoe.page.get_by_role("button", name="Make it").click()
    expect(zoe.page.locator("#secret")).to_contain_text("mailmine_")
    zoe.page.goto("/account")
    expect(zoe.page.locator("#secret")).to_have_count(0)
    tokens = zoe.page.get_by_role("region", name="API tokens")
    expect(tokens.get_by_role("listitem")).to_contain_text("nightly export")
    assert zoe.overflow() == 0

    ann.page.goto("/people")
    ann.page.get_by_role("link", name="zoe").click()
    share = ann.page.locator("#p-nordwind")
    share.locator("summary").click()
    share.get_by_label("Read comments", exact=True).uncheck()
    share.get_by_role("button", name="Save").click()
    expect(share).to_contain_text("4 permissions")
    zoe.page.goto("/")
    expect(zoe.page.get_by_label("Pages").get_by_role("link", name="Orders")).to_have_count(0)

    # What is live on a page would be refused, and the browser complain of it.
    zoe.page.goto("about:blank")
    ann.page.get_by_role("button", name="Shut out").click()
    expect(ann.page.get_by_role("button", name="Let in")).to_be_visible()
    zoe.page.goto("/")
    expect(zoe.page.get_by_role("heading", name="Sign in")).to_be_visible()

    ann.page.goto("/audit")
    ann.page.get_by_label("Who").select_option("zoe")
    ann.page.get_by_role("button", name="Show").click()
    expect(ann.page.locator("tbody tr").first).to_contain_text("made a token")


@pytest.mark.parametrize("width", [390, 1280])
def test_the_pages_of_people_fit(meet: Meet, width: int) -> None:
    ann = meet(viewport={"width": width, "height": 900})
    ann.sign_in()
    for page in ("/people", "/audit", "/account"):
        ann.page.goto(page)
        assert ann.overflow() == 0, page
    ann.page.goto("/people")
    ann.page.get_by_role("link", name="ben").click()
    ann.page.locator("summary").first.click()
    assert ann.overflow() == 0
