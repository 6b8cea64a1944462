import asyncio
import re
import threading

import aiohttp
import pytest

from mailmine.access import passwords
from tests.browser import seed
from tests.unit.web.conftest import SignIn

RIGHT = {"username": "ann", "password": seed.PASSWORD}


async def test_whoever_is_not_signed_in_is_sent_to_sign_in_and_comes_back(
    visitor: aiohttp.ClientSession,
) -> None:
    wanted = "/sources/nordwind/orders?q=a+b"
    async with visitor.get(wanted, allow_redirects=False) as answer:
        assert answer.status == 303
        assert answer.headers["Location"] == (
            "/sign-in?next=%2Fsources%2Fnordwind%2Forders%3Fq%3Da%2Bb"
        )
        form_address = answer.headers["Location"]
    async with visitor.get(form_address) as answer:
        found = re.search(r'name="next" value="([^"]*)"', await answer.text())
        assert found is not None
        assert found[1] == wanted
    form = {**RIGHT, "next": wanted}
    async with visitor.post("/sign-in", data=form, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, wanted)
        cookie = answer.headers["Set-Cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
    async with visitor.get(wanted) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    "page", ["/", "/integrations", "/sources/nordwind/orders", "/sources/a/b/comments/c"]
)
async def test_no_page_is_shown_before_signing_in(
    visitor: aiohttp.ClientSession, page: str
) -> None:
    async with visitor.get(page, allow_redirects=False) as answer:
        assert answer.status == 303
    async with visitor.get(page, headers={"Mailmine-Fragment": "live"}) as answer:
        assert answer.status == 401
    async with visitor.get("/events") as answer:
        assert answer.status == 401


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "/\t/evil.example/",
        "\\\\evil.example",
        "javascript:alert(1)",
        "",
    ],
)
async def test_signing_in_never_leads_to_another_server(
    visitor: aiohttp.ClientSession, elsewhere: str
) -> None:
    form = {**RIGHT, "next": elsewhere}
    async with visitor.post("/sign-in", data=form, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/")


@pytest.mark.parametrize(
    "form",
    [
        {"username": "ann", "password": "wrong"},
        {"username": "nobody", "password": seed.PASSWORD},
        {"username": "ann"},
        {"username": "ann", "password": "x" * 100_000},
        {},
    ],
)
async def test_a_wrong_password_says_so_and_lets_nobody_in(
    visitor: aiohttp.ClientSession, form: dict[str, str]
) -> None:
    async with visitor.post("/sign-in", data=form) as answer:
        assert answer.status == 401
        assert "The username or the password is wrong." in await answer.text()
        assert "Set-Cookie" not in answer.headers


async def test_another_site_cannot_sign_a_person_in(visitor: aiohttp.ClientSession) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    async with visitor.post("/sign-in", data=RIGHT, headers=headers) as answer:
        assert answer.status == 403


async def test_signing_out_takes_the_form_of_the_page_and_ends_the_session(sign_in: SignIn) -> None:
    ann = await sign_in("ann")
    async with ann.get("/") as answer:
        found = re.search(r'name="csrf_token" value="([^"]+)"', await answer.text())
        assert found is not None
    async with ann.post("/sign-out", data={"csrf_token": "guessed"}) as answer:
        assert answer.status == 400
    session = {cookie.key: cookie.value for cookie in ann.cookie_jar}
    async with ann.post(
        "/sign-out", data={"csrf_token": found[1]}, allow_redirects=False
    ) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/sign-in")
    async with ann.get("/", cookies=session, allow_redirects=False) as answer:
        assert answer.status == 303


async def test_pages_are_shown_while_others_flood_the_sign_in(
    visitor: aiohttp.ClientSession, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await sign_in("ann")
    ended = threading.Event()
    monkeypatch.setattr(passwords, "is_right", lambda *_: ended.wait(30) and False)
    async with asyncio.TaskGroup() as flood:
        for number in range(60):
            form = {"username": f"guess{number}", "password": "x"}
            flood.create_task(_refused(visitor, form))
        try:
            await asyncio.sleep(0.5)
            async with asyncio.timeout(10), ann.get("/account") as answer:
                assert answer.status == 200
        finally:
            ended.set()


async def _refused(visitor: aiohttp.ClientSession, form: dict[str, str]) -> None:
    async with visitor.post("/sign-in", data=form) as answer:
        assert answer.status == 401
