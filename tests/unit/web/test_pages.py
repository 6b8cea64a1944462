import asyncio
import re
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from lxml import html
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import Message
from yarl import URL

from mailmine.access import csrf, first, sessions
from mailmine.access.secrets import Keyring
from mailmine.model.ids import CommentId
from mailmine.refine import identity
from mailmine.store import integrations as integration_store, mailboxes, users, warnings
from mailmine.store.database import Database
from mailmine.store.warnings import StandingWarning
from mailmine.web import integrations, manual
from mailmine.web.app import create
from mailmine.web.security import HEADERS, POLICY
from tests.browser import letters, seed
from tests.browser.server import Served, serving, serving_company
from tests.unit.web.conftest import SignIn

HOSTILE = identity.comment_id(letters.HOSTILE_ID)
ORDERS = "/sources/nordwind/orders"


def find(element: Any, path: str) -> Any:
    """Look for `path` (XPath) in a page."""
    return element.xpath(path)


async def text_of(session: aiohttp.ClientSession, page: str, *, status: int = 200) -> str:
    async with session.get(page) as answer:
        assert answer.status == status, page
        return await answer.text()


async def page_of(session: aiohttp.ClientSession, page: str) -> Any:
    return html.fromstring(await text_of(session, page))


@pytest.mark.parametrize(
    "page", ["/", "/sign-in", "/integrations", ORDERS, "/nowhere", f"{ORDERS}/comments/x"]
)
async def test_every_answer_carries_the_headers_that_guard(sign_in: SignIn, page: str) -> None:
    ann = await sign_in("ann")
    async with ann.get(page) as answer:
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
        assert answer.headers["Cache-Control"] == "private, no-cache"
        policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


async def test_files_are_kept_by_browsers_under_the_name_of_their_content(
    visitor: aiohttp.ClientSession,
) -> None:
    form = await page_of(visitor, "/sign-in")
    sheet = find(form, "//link[@rel='stylesheet']")[0]
    async with visitor.get(sheet.get("href")) as answer:
        assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
        assert "immutable" in answer.headers["Cache-Control"]
        tag = answer.headers["ETag"]
    async with visitor.get(sheet.get("href"), headers={"If-None-Match": tag}) as answer:
        assert answer.status == 304
    async with visitor.get("/static/old/app.css") as answer:
        assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-cache")
    for name in ("..%2Fapp.py", "nothing.css"):
        async with visitor.get(f"/static/old/{name}") as answer:
            assert answer.status == 404


async def test_the_overview_begins_with_what_needs_attention(sign_in: SignIn) -> None:
    page = await page_of(await sign_in("ann"), "/")
    headings = [heading.text_content() for heading in find(page, "//main//h2")]
    assert headings == ["Needs attention", "Mailboxes", "Sources"]
    told = page.get_element_by_id("attention").text_content()
    assert seed.REFUSED in told
    assert seed.NO_SUCH_MAILBOX in told
    assert "press@" not in told
    flow = find(page, "//figure[contains(@class, 'flow')]")[0]
    assert "in the last hour" in flow.text_content()
    assert find(flow, ".//*[local-name()='rect']")
    fresh = find(page, "//section[@aria-labelledby='fresh-name']//li/a/text()")
    assert "orders@nordwind.example" in fresh
    assert "press@nordwind.example" not in fresh  # switched off


async def test_the_overview_warns_of_what_will_stop(served: Served, sign_in: SignIn) -> None:
    with served.database.write() as tx:
        integration = integration_store.list_all(tx)[0]
        warning = StandingWarning(
            integration_id=integration.id,
            mailbox_id=None,
            code="secret_ends",
            message="Its client secret ends in 9 days. Make another.",
            since=datetime.now(UTC),
            ends_at=datetime.now(UTC) + timedelta(days=9),
            told_at=datetime.now(UTC),
        )
        warnings.put(tx, warning)
    page = await page_of(await sign_in("ann"), "/")
    told = page.get_element_by_id("attention").text_content()
    assert "Its client secret ends in 9 days. Make another." in told
    ben = await page_of(await sign_in("ben"), "/")
    assert ben.find(".//*[@id='attention']") is None
    with served.database.write() as tx:
        warnings.remove(tx, warning)


async def test_an_empty_installation_says_how_to_begin(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'new.db'}")
    database.migrate()
    with database.write() as tx:
        first.administrator(tx, at=datetime.now(UTC), password="a few good words")
        admin = users.list_all(tx)[0]
        token = sessions.begin(tx, admin, at=datetime.now(UTC))
    with serving(create(database, Keyring.generate())) as address:
        cookies = {sessions.COOKIE: token}
        async with aiohttp.ClientSession(address, cookies=cookies) as session:
            text = await text_of(session, "/")
    database.close()
    assert "Begin here" in text
    assert "Connect an Exchange." in text


async def test_integrations_show_how_far_each_mailbox_is(sign_in: SignIn) -> None:
    page = await page_of(await sign_in("ann"), "/integrations")
    rows = {
        find(summary, "string(span[@class='address'])"): " ".join(summary.text_content().split())
        for summary in find(page, "//details[contains(@class, 'mailbox')]/summary")
    }
    assert re.search(r"Up to date 496 emails \d+ s ago", rows["orders@nordwind.example"])
    assert "Reading history" in rows["service@nordwind.example"]
    assert "31,900 of 48,211 emails · 1 failed" in rows["service@nordwind.example"]
    assert "1 email failed: Exchange itself cannot read this item. (ErrorCorruptData)" in " ".join(
        page.text_content().split()
    )
    assert "Stopped" in rows["sales.benelux@nordwind.example"]
    assert "Switched off" in rows["press@nordwind.example"]
    (bar,) = find(page, "//progress")
    assert (bar.get("value"), bar.get("max")) == ("31900", "48211")
    folders = [cell.text_content() for cell in find(page, "//tbody/tr/td[1]")]
    assert "Inbox / Done" in folders


async def test_what_stopped_tells_its_first_and_its_last_error(sign_in: SignIn) -> None:
    page = await page_of(await sign_in("ann"), "/integrations")
    (told,) = find(page, "//section[contains(., 'Rotterdam')]//span[contains(@class, 'errors')]")
    words = " ".join(told.text_content().split())
    assert re.fullmatch(
        r"First error: .* UTC, old\.nordwind\.example \(EX02\), request 4a5b\S+"
        r" ?Last error: .* UTC, old\.nordwind\.example \(EX02\), request c2f1\S+",
        words,
    )


async def test_warnings_stand_where_they_concern_with_a_link_to_their_meaning(
    sign_in: SignIn,
) -> None:
    ann = await sign_in("ann")
    page = await page_of(ann, "/integrations")
    (told,) = find(page, "//section/p[contains(., 'Warning:')]")
    assert seed.PASSWORD_ENDS in told.text_content()
    (address,) = find(told, ".//a/@href")
    assert address == "/help/reasons#password-ends"
    links = find(page, "//main//a[contains(@href, '/help/reasons#')]/@href")
    assert {"/help/reasons#wrong-password", "/help/reasons#no-mailbox"} < set(links)
    reasons = await page_of(ann, "/help/reasons")
    for link in links:
        assert find(reasons, f"//h3[@id='{link.partition('#')[2]}']"), link


@pytest.mark.parametrize("name", manual.PAGES)
async def test_the_manual_leads_nowhere_that_is_not_there(sign_in: SignIn, name: str) -> None:
    ann = await sign_in("ann")
    page = await page_of(ann, f"/help/{name}")
    assert len(find(page, "//article//h2")) > 1
    for link in find(page, "//article//a[@href]/@href"):
        if link.startswith("https://"):
            continue
        address, _, place = link.partition("#")
        there = await page_of(ann, address) if address else page
        assert not place or find(there, f"//*[@id='{place}']"), link


async def test_no_other_file_is_shown_as_help(
    sign_in: SignIn, visitor: aiohttp.ClientSession
) -> None:
    ann = await sign_in("ann")
    for name in ("internals", "..%2Freasons", "reasons.md"):
        await text_of(ann, f"/help/{name}", status=404)
    async with visitor.get("/help/reasons", allow_redirects=False) as answer:
        assert answer.status == 303


async def press(ann: aiohttp.ClientSession, subject: str, **more: str) -> Any:
    """Switch something on, and give the page that comes of it."""
    form = f"//form[contains(@action, 'enable') and input[@value='{subject}']]"
    page = await page_of(ann, "/integrations")
    (token,) = find(page, f"{form}/input[@name='{csrf.FIELD}']/@value")
    fields = {csrf.FIELD: token, "subject": subject, **more}
    async with ann.post("/integrations/enable", data=fields) as answer:
        assert answer.status == 200
        return html.fromstring(await answer.text())


async def test_what_was_stopped_is_tried_before_it_is_switched_on(tmp_path: Path) -> None:
    with serving_company(tmp_path) as served, served.database.read() as tx:
        benelux = next(one for one in mailboxes.list_all(tx) if "benelux" in one.address)
        user = users.by_username(tx, "ann")
        assert user is not None
        with served.database.write() as writing:
            token = sessions.begin(writing, user, at=datetime.now(UTC))
        jar = aiohttp.CookieJar(unsafe=True)
        jar.update_cookies({sessions.COOKIE: token}, URL(served.address))
        async with aiohttp.ClientSession(served.address, cookie_jar=jar) as ann:
            page = await press(ann, benelux.id)
            (form,) = find(page, f"//form[input[@value='{benelux.id}']][.//strong]")
            assert "It was tried, and would be stopped again" in form.text_content()
            buttons = [button.text_content() for button in find(form, ".//button")]
            assert buttons == ["Try again and switch on", "Switch on all the same"]
            page = await press(ann, benelux.id, insist="yes")
            assert not find(page, f"//form[input[@value='{benelux.id}']]")


async def test_who_may_only_look_switches_nothing_on(sign_in: SignIn, served: Served) -> None:
    with served.database.read() as tx:
        benelux = next(one for one in mailboxes.list_all(tx) if "benelux" in one.address)
    ann, ben = await sign_in("ann"), await sign_in("ben")
    token = find(await page_of(ben, "/account"), f"string(//input[@name='{csrf.FIELD}']/@value)")
    for who, given, status in ((ben, token, 403), (ann, "", 400)):
        fields = {csrf.FIELD: given, "subject": benelux.id}
        async with who.post("/integrations/enable", data=fields) as answer:
            assert answer.status == status


async def test_of_many_mailboxes_the_folders_are_shown_one_by_one(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(integrations, "FEW", 5)
    ann = await sign_in("ann")
    page = await page_of(ann, "/integrations")
    assert find(page, "//table") == []
    orders = "//details[contains(summary, 'orders@')]"
    (address,) = find(page, f"{orders}//a[contains(., '2 folders')]/@href")
    page = await page_of(ann, address.partition("#")[0])
    assert len(find(page, "//table")) == len(find(page, f"{orders}[@open]//table")) == 1


async def test_people_see_only_what_they_may(sign_in: SignIn) -> None:
    ben, eve = await sign_in("ben"), await sign_in("eve")
    overview = await text_of(ben, "/")
    assert "Orders" in overview
    assert "Board" not in overview
    assert "Integrations" not in overview
    await text_of(ben, "/integrations", status=403)
    await text_of(ben, "/sources/board/minutes", status=404)
    minutes = identity.of(letters.minutes())
    await text_of(ben, f"/sources/board/minutes/comments/{minutes}", status=404)
    assert "Nothing flows yet" in await text_of(eve, "/")
    await text_of(eve, ORDERS, status=404)
    assert "merger" in await text_of(
        await sign_in("ann"), f"/sources/board/minutes/comments/{minutes}"
    )


async def test_older_comments_follow_until_all_were_shown_once(sign_in: SignIn) -> None:
    ann = await sign_in("ann")
    seen: list[str] = []
    times: list[str] = []
    address = ORDERS
    pages = 0
    while address:
        page = await page_of(ann, address)
        seen += [row.get("id") for row in find(page, "//li[contains(@class, 'comment-row')]")]
        times += find(page, "//li[contains(@class, 'comment-row')]//time/@datetime")
        address = next(iter(find(page, "//a[@rel='next']/@href")), "")
        pages += 1
    assert pages == 3
    assert len(seen) == len(set(seen)) == 126
    assert times == sorted(times, reverse=True)


async def test_search_marks_what_it_found(sign_in: SignIn) -> None:
    page = await page_of(await sign_in("ann"), f"{ORDERS}?q=pallets")
    (row,) = find(page, "//li[contains(@class, 'comment-row')]")
    assert [mark.text for mark in find(row, ".//mark")] == ["pallets"]
    assert find(page, "//input[@type='search']/@value") == ["pallets"]


@pytest.mark.parametrize(
    "query", ['"', "-", "*", "a OR", "NEAR(", "'; --", "<b>", "%00", "\ud7ff\u202e", "x" * 5_000]
)
async def test_any_search_is_safe(sign_in: SignIn, query: str) -> None:
    page = await text_of(await sign_in("ann"), f"{ORDERS}?q={quote(query)}")
    assert "<b></b>" not in page


@pytest.mark.parametrize("before", ["", "--1", "abc", "9" * 40, "\u0661", "1.5"])
async def test_what_is_no_place_in_the_list_does_not_break_it(sign_in: SignIn, before: str) -> None:
    await text_of(await sign_in("ann"), f"{ORDERS}?before={quote(before)}")


async def test_the_list_goes_on_before_1970(sign_in: SignIn) -> None:
    ann = await sign_in("ann")
    rows = "//li[contains(@class, 'comment-row')]"
    assert find(await page_of(ann, ORDERS), rows)
    assert find(await page_of(ann, f"{ORDERS}?before=-1"), rows) == []


async def test_a_comment_shows_its_words_and_on_demand_what_was_cut(sign_in: SignIn) -> None:
    first = identity.of(next(letters.orders())[1])
    listed = await page_of(await sign_in("ann"), ORDERS)
    address = find(listed, "//a[bdi[text()='Re: Order 4711: truck waits']]/@href")[1]
    page = await page_of(await sign_in("ann"), address)
    body = page.get_element_by_id("body").text_content()
    assert body.startswith("Marta,\n\ngate 3 is closed")
    assert "our truck" not in body
    cut = page.get_element_by_id("cut")
    assert cut.tag == "details"
    assert cut.get("open") is None
    assert "our truck for order 4711" in cut.text_content()
    turns = find(page, "//ol[@id='conversation']/li")
    assert len(turns) == 3
    assert [find(turn, "boolean(details)") for turn in turns] == [True, False, True]
    assert f"/comments/{first}" in find(turns[0], ".//a/@href")[0]
    (file,) = find(page, "//a[@download]")
    assert file.text_content() == "pick-list-4711.pdf"
    assert re.fullmatch(r"/api/v1/attachments/[\w-]{20,}", file.get("href"))
    assert "Inbox of orders@nordwind.example" in page.text_content()
    assert f"/api/v1{ORDERS}/comments/" in page.get_element_by_id("curl").text_content()


async def test_an_attachment_without_content_cannot_be_downloaded(sign_in: SignIn) -> None:
    ann = await sign_in("ann")
    found = await page_of(ann, f"{ORDERS}?q=feuchte")
    page = await page_of(ann, find(found, "//h2/a/@href")[0])
    assert "IMG_2041.jpg" in page.text_content()
    assert "content not synced" in page.text_content()
    assert find(page, "//a[@download]") == []


@pytest.mark.parametrize(
    "address", [ORDERS, f"{ORDERS}?q=evil", f"{ORDERS}/comments/{HOSTILE}", "/"]
)
async def test_hostile_mail_stays_text(sign_in: SignIn, address: str) -> None:
    page = await page_of(await sign_in("ann"), address)
    (script,) = find(page, "//script")
    assert (script.get("type"), script.text) == ("module", None)
    assert find(page, "//style | //iframe | //object | //base | //@style | //@srcdoc") == []
    assert find(page, "//@*[starts-with(name(), 'on')]") == []
    assert {image.get("src").rpartition("/")[2] for image in find(page, "//img")} == {"logo.svg"}
    links = find(page, "//@href | //@src | //@action")
    assert links
    assert all(
        link.startswith(("/", "?")) or link in {"#main", "#comments", "#facets"} for link in links
    )


async def test_hostile_mail_is_shown_as_it_was_written(sign_in: SignIn) -> None:
    page = await page_of(await sign_in("ann"), f"{ORDERS}/comments/{HOSTILE}")
    body = page.get_element_by_id("body").text_content()
    assert "<script>document.title = 'broken'</script>" in body
    assert "{{ 7 * 7 }}" in body
    assert find(page, "string(//h1)") == letters.HOSTILE_SUBJECT.replace("\u202e", "\ufffd")
    assert "invoice\ufffdgpj.<svg onload=alert(1)>.exe" in page.text_content()


async def test_a_script_gets_the_live_part_alone(sign_in: SignIn) -> None:
    ann = await sign_in("ann")
    async with ann.get(ORDERS, headers={"Mailmine-Fragment": "live"}) as answer:
        part = await answer.text()
        assert "Mailmine-Fragment".lower() in answer.headers["Vary"].lower()
    assert "<html" not in part
    assert part.count('class="comment-row"') == 50


async def test_the_stream_tells_who_may_know_that_mail_came(
    served: Served, sign_in: SignIn
) -> None:
    ann, eve = await sign_in("ann"), await sign_in("eve")
    source = served.company.board.source_id
    async with ann.get("/events") as told, eve.get("/events") as untold:
        assert told.headers["Content-Type"].startswith("text/event-stream")
        told_lines, untold_lines = told.content, untold.content
        await told_lines.readuntil(b"\n\n")
        await untold_lines.readuntil(b"\n\n")
        async with asyncio.timeout(20):
            waiting = asyncio.ensure_future(told_lines.readuntil(b"\n\n"))
            # The first look only learns what is there already: deliver until one is seen.
            for number in count():
                with served.database.write() as tx:
                    mail = letters.note(f"live-{number}", "Just came in.")
                    seed.deliver(tx, served.company.board, mail, at=datetime.now(UTC))
                await asyncio.wait([waiting], timeout=0.5)
                if waiting.done():
                    break
        event = await waiting
        assert event.startswith(b"event: change\ndata: ")
        assert f'"source:{source}"'.encode() in event
        assert untold_lines.total_bytes == len(b"retry: 2000\n\n")


async def test_pages_work_below_a_prefix(served: Served) -> None:
    pages = create(served.database, Keyring.generate())
    outer = Starlette(routes=[Mount("/mail", pages)])
    outer.state.pages = pages
    with serving(outer) as address:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(address, cookie_jar=jar) as session:
            form = {"username": "ann", "password": seed.PASSWORD}
            async with session.post("/mail/sign-in", data=form, allow_redirects=False) as answer:
                assert answer.headers["Location"] == "/mail/"
            page = await page_of(session, f"/mail{ORDERS}/comments/{HOSTILE}")
            links = find(page, "//@href | //@src | //@action")
            assert links
            assert all(link.startswith("/mail/") or link == "#main" for link in links)


async def test_people_get_a_page_when_something_is_missing(sign_in: SignIn) -> None:
    ann = await sign_in("ann")
    for address in ("/nowhere", "/sources/nordwind/none", f"{ORDERS}/comments/none"):
        assert "Nothing here" in await text_of(ann, address, status=404)


async def test_people_get_a_page_when_the_database_is_away(broken: Database) -> None:
    with serving(create(broken, Keyring.generate())) as address:
        async with aiohttp.ClientSession(address, cookies={"mailmine_session": "x"}) as session:
            text = await text_of(session, "/", status=503)
    broken.close()
    assert "The data cannot be reached" in text
    assert "Traceback" not in text


async def test_people_get_a_page_and_no_traceback_when_we_are_broken(served: Served) -> None:
    def fail(request: Request) -> Response:
        raise RuntimeError(f"secret of {request.url}")

    pages = create(served.database, Keyring.generate())
    pages.router.routes.append(Route("/broken", fail))
    with serving(pages) as address:
        async with aiohttp.ClientSession(address) as session, session.get("/broken") as answer:
            assert answer.status == 500
            assert answer.headers["Content-Security-Policy"] == POLICY
            text = await answer.text()
    assert "Something broke" in text
    assert "secret" not in text


async def test_a_comment_id_of_odd_characters_has_an_address(
    served: Served, sign_in: SignIn
) -> None:
    odd = CommentId("a?b#c%2F&d;e'f\"g")
    with served.database.write() as tx:
        seed.add(tx, served.company.service, odd, "Oddly named.", at=datetime.now(UTC))
    ann = await sign_in("ann")
    page = await page_of(ann, "/sources/nordwind/support?q=oddly")
    (address,) = find(page, "//h2/a/@href")
    assert "Oddly named." in await text_of(ann, address)


async def test_no_more_is_read_than_a_form_can_hold(served: Served) -> None:
    pieces = iter(
        [b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"a" * (1 << 20) + b"\r\n"]
        * 50
    )
    answered: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": next(pieces), "more_body": True}

    async def send(message: Message) -> None:
        answered.append(message)

    packed = (b"content-type", b"multipart/form-data; boundary=x")
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/integrations/new",
        "query_string": b"",
        "headers": [packed],
    }
    await create(served.database, served.keyring)(scope, receive, send)
    assert answered[0]["status"] == 413
    assert b"That was too much" in answered[1]["body"]
    assert len(list(pieces)) > 30
