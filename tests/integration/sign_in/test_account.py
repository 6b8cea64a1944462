"""People see where they are signed in, and end it."""

import re
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from yarl import URL

from mailmine.access import csrf, sessions
from mailmine.access.permissions import Identity
from mailmine.store import events, users
from mailmine.store.database import Database
from mailmine.store.users import User
from tests.integration.sign_in.conftest import World

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Browser:
    """A browser that is signed in."""

    def __init__(self, world: World, session: aiohttp.ClientSession, plain: str) -> None:
        self.world = world
        self.session = session
        self.plain = plain

    async def page(self) -> str:
        async with self.session.get("/account") as answer:
            return await answer.text() if answer.url.path == "/account" else ""

    async def handles(self) -> list[str]:
        return re.findall(r'name="session" value="([^"]+)"', await self.page())

    async def post(self, path: str, **form: str) -> tuple[int, str]:
        proof = {csrf.FIELD: csrf.token(self.plain), **form}
        async with self.session.post(path, data=proof, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location", "")


async def browser_of(world: World, user: User, *, age: timedelta = timedelta(0)) -> Browser:
    with world.database.write() as tx:
        plain = sessions.begin(tx, user, at=datetime.now(UTC) - age)
    session = await world.browser()
    session.cookie_jar.update_cookies({sessions.COOKIE: plain}, URL(world.address))
    return Browser(world, session, plain)


async def test_the_page_lists_ones_own_sessions_this_one_first(world: World) -> None:
    world.serve()
    ana = world.add("ana", "ana@acme.example")
    await browser_of(world, world.add("ben"))
    old = await browser_of(world, ana, age=timedelta(hours=5))
    new = await browser_of(world, ana)

    page = await new.page()

    assert page.count('name="session"') == 2
    assert page.index("this one") < page.index("Last seen")
    assert "Last seen <time" in page
    assert "5 h ago" in page
    assert "In use now" in page
    assert "End all others" in page
    for browser in (old, new):
        assert browser.plain not in page


async def test_a_session_is_ended_from_another(world: World) -> None:
    world.serve()
    ana = world.add("ana")
    other, this = await browser_of(world, ana), await browser_of(world, ana)
    _, second = await this.handles()

    assert await this.post("/account/end", session=second) == (303, "/account")

    assert await other.page() == ""
    assert len(await this.handles()) == 1
    assert "End all others" not in await this.page()
    with world.database.read() as tx:
        assert [each.kind for each in events.page(tx, before=None, limit=9)] == ["session_ended"]


async def test_ending_this_one_signs_out(world: World) -> None:
    world.serve()
    ana = world.add("ana")
    other, this = await browser_of(world, ana), await browser_of(world, ana)
    first, _ = await this.handles()
    assert await this.post("/account/end", session=first) == (303, "/sign-in")
    assert await this.page() == ""
    assert await this.post("/account/end", session=first) == (303, "/sign-in")
    assert await other.page() != ""


async def test_all_others_end_at_once_but_not_those_of_other_people(world: World) -> None:
    world.serve()
    ana, ben = world.add("ana"), await browser_of(world, world.add("ben"))
    others = [await browser_of(world, ana) for _ in range(3)]
    this = await browser_of(world, ana)
    assert await this.post("/account/end-others") == (303, "/account")
    assert [await each.page() for each in others] == ["", "", ""]
    assert await this.page() != ""
    assert await ben.page() != ""


async def test_nobody_ends_the_sessions_of_another(world: World) -> None:
    world.serve()
    ana = await browser_of(world, world.add("ana"))
    ben = await browser_of(world, world.add("ben"))
    (handle,) = await ana.handles()
    assert await ben.post("/account/end", session=handle) == (303, "/account")
    assert await ana.page() != ""


@pytest.mark.parametrize("path", ["/account/end", "/account/end-others"])
async def test_a_form_of_another_site_ends_nothing(world: World, path: str) -> None:
    world.serve()
    ana = world.add("ana")
    other, this = await browser_of(world, ana), await browser_of(world, ana)
    _, second = await this.handles()
    for proof in ("", "guessed", csrf.token(other.plain)):
        status, _ = await this.post(path, session=second, **{csrf.FIELD: proof})
        assert status == 400
    assert await other.page() != ""


@pytest.mark.parametrize("path", ["/account/end", "/account/end-others"])
async def test_whoever_is_not_signed_in_is_sent_to_sign_in(world: World, path: str) -> None:
    world.serve()
    browser = await world.browser()
    async with browser.post(path, data={"session": "x"}, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/sign-in")


async def test_a_page_notes_that_its_session_was_used(world: World) -> None:
    world.serve()
    ana = world.add("ana")
    old = await browser_of(world, ana, age=timedelta(minutes=6))
    this = await browser_of(world, ana)
    assert "6 min ago" in await this.page()
    await old.page()
    assert "min ago" not in await this.page()


def test_the_use_of_a_session_is_noted_now_and_then(any_database: Database) -> None:
    with any_database.write() as tx:
        ana = users.add(
            tx,
            username="ana",
            email="",
            password_hash=None,
            global_permissions=frozenset(),
            project_permissions={},
        )
        plain = sessions.begin(tx, ana, at=NOON)

        def seen(at: datetime) -> Identity:
            identity = sessions.identify(tx, plain, now=at)
            assert identity is not None
            return identity

        soon, later = NOON + timedelta(minutes=4, seconds=59), NOON + timedelta(minutes=5)
        assert seen(soon).unnoted_session is None
        assert seen(later).unnoted_session is not None
        sessions.note_use(tx, seen(later), at=later)
        assert seen(later).unnoted_session is None
        (shown,) = sessions.shown(tx, seen(later), "another", now=soon)
        assert (shown.began_at, shown.last_seen_at, shown.is_this) == (NOON, later, False)
        assert shown.expires_at == NOON + sessions.LIFETIME
