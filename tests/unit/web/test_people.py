"""People and the audit log, over plain HTTP: what each form may do, and what it must not."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from lxml import html

from mailmine.access import passwords, tokens
from mailmine.access.permissions import GlobalPermission, Permission
from mailmine.access.throttle import FREE, SharedThrottle
from mailmine.store import events, identities, users
from mailmine.store.identities import UserIdentity
from mailmine.store.users import User
from mailmine.web import rights
from tests.browser.server import Served
from tests.unit.web.conftest import SignIn

PASSWORD = "a few good words"


def made(served: Served, name: str, given: Mapping[str, frozenset[str]] | None = None) -> User:
    """Make somebody."""
    with served.database.write() as tx:
        return users.add(
            tx,
            username=name,
            email="",
            password_hash=passwords.hash_password(PASSWORD),
            global_permissions=frozenset(),
            project_permissions=given or {},
        )


def now_is(served: Served, user: User) -> User:
    with served.database.read() as tx:
        found = users.by_id(tx, user.id)
    assert found is not None
    return found


async def post(
    session: aiohttp.ClientSession, page: str, form: str, /, **fields: str
) -> tuple[int, Any]:
    """Fill in the form of `page` whose action ends with `form`; what is hidden in it goes along."""
    async with session.get(page) as answer:
        tree: Any = html.fromstring(await answer.text())
    (first, *_) = tree.xpath(
        f"//form[@method='post'][substring(@action, string-length(@action) - {len(form) - 1}) = '{form}']"
    )
    hidden = {one.get("name"): one.get("value") for one in first.xpath(".//input[@type='hidden']")}
    address = first.get("action")
    async with session.post(address, data={**hidden, **fields}, allow_redirects=False) as answer:
        text = await answer.text()
        return answer.status, html.fromstring(text) if text else None


def notes(served: Served) -> list[tuple[str, object]]:
    with served.database.read() as tx:
        told = events.page(tx, before=None, limit=5)
    return [(event.kind, event.detail.get("user")) for event in told]


async def test_who_is_added_can_sign_in_with_the_password_shown(
    served: Served, sign_in: SignIn
) -> None:
    ann = await sign_in("ann")
    fields = {"username": "sortbot", "role": "program", "project": "nordwind"}
    status, page = await post(ann, "/people", "/people", **fields)
    assert status == 200
    (secret,) = page.xpath("//code[@id='secret']/text()")
    with served.database.read() as tx:
        user = users.by_username(tx, "sortbot")
    assert user is not None
    assert passwords.is_right(secret, user.password_hash)
    assert user.project_permissions == {"nordwind": rights.ROLES["program"][2]}
    assert notes(served)[0] == ("user_added", "sortbot")


async def test_what_is_wrong_stands_at_its_field_and_nothing_is_made(
    served: Served, sign_in: SignIn
) -> None:
    ann = await sign_in("ann")
    for name in ("", "with space", "ANN"):
        status, page = await post(ann, "/people", "/people", username=name, email="x@y.example")
        assert status == 422
        assert page.xpath("//p[@class='fault']/@id") == ["f-username-wrong"]
        assert page.xpath("//input[@name='email']/@value") == ["x@y.example"]
    status, page = await post(ann, "/people", "/people", username="lost", email="x" * 600)
    assert status == 422
    assert page.xpath("//p[@class='fault']/@id") == ["f-email-wrong"]
    with served.database.read() as tx:
        assert users.by_username(tx, "with space") is None
        assert users.by_username(tx, "lost") is None


async def test_who_may_not_see_users_sees_none(sign_in: SignIn) -> None:
    for name in ("ben", "eve"):
        session = await sign_in(name)
        for page in ("/people", "/audit"):
            async with session.get(page) as answer:
                assert answer.status == 403


async def test_who_may_not_see_users_sees_no_page_of_one_but_his_own(
    served: Served, sign_in: SignIn
) -> None:
    with served.database.read() as tx:
        ann, eve = (users.by_username(tx, name) for name in ("ann", "eve"))
    assert ann is not None
    assert eve is not None
    session = await sign_in("eve")
    async with session.get(f"/people/{ann.id}") as answer:
        assert answer.status == 404
    async with session.get(f"/people/{eve.id}") as answer:
        assert answer.status == 200


async def test_nobody_gives_a_password_by_which_he_could_do_more_than_he_may(
    served: Served, sign_in: SignIn
) -> None:
    own = frozenset({Permission.USERS_READ, Permission.USERS_WRITE})
    made(served, "clerk", {"nordwind": own})
    peer = made(served, "peer", {"nordwind": own})
    reader = made(served, "reader", {"nordwind": own | {Permission.SOURCES_READ}})
    clerk = await sign_in("clerk")
    status, _ = await post(clerk, f"/people/{peer.id}", "/password")
    assert status == 200
    async with clerk.get(f"/people/{reader.id}") as answer:
        shown = await answer.text()
    assert f"/people/{reader.id}/password" not in shown
    tree: Any = html.fromstring(shown)
    form = {"csrf_token": tree.xpath("//input[@name='csrf_token']/@value")[0]}
    async with clerk.post(f"/people/{reader.id}/password", data=form) as answer:
        assert answer.status == 403
    assert now_is(served, reader).password_hash == reader.password_hash
    # One whom a provider lets in may be given more by its groups any day.
    linked = made(served, "linked", {"nordwind": own})
    with served.database.write() as tx:
        identities.add(tx, UserIdentity(issuer="https://p", subject="s", user_id=linked.id))
        myself = users.by_username(tx, "clerk")
    assert myself is not None
    for user in (linked, myself):
        async with clerk.post(f"/people/{user.id}/password", data=form) as answer:
            assert answer.status == 403
        assert now_is(served, user).password_hash == user.password_hash
    # To shut him out gives nothing to who does it.
    status, _ = await post(clerk, f"/people/{reader.id}", "/state", state="off")
    assert status == 303


async def test_who_administers_a_project_gives_there_what_he_has_and_no_more(
    served: Served, sign_in: SignIn
) -> None:
    own = frozenset({Permission.USERS_READ, Permission.USERS_WRITE, Permission.SOURCES_READ})
    made(served, "lead", {"nordwind": own})
    other = made(served, "colleague", {"nordwind": frozenset({Permission.STREAMS_READ})})
    lead = await sign_in("lead")
    page = f"/people/{other.id}"
    # What he cannot give has no box that he could tick; a form that ticks it all the same is refused.
    fields = {Permission.SOURCES_READ: "on", Permission.STREAMS_READ: "on"}
    status, _ = await post(lead, page, "/projects", project="nordwind", **fields)
    assert status == 303
    given = frozenset({"sources-read", "streams-read"})
    assert now_is(served, other).project_permissions == {"nordwind": given}
    status, shown = await post(
        lead, page, "/projects", project="nordwind", **fields, **{Permission.STREAMS_ADMIN: "on"}
    )
    assert status == 403
    assert "only permissions that you have" in shown.xpath("string(//*[@role='alert'])")
    status, _ = await post(lead, page, "/projects", project="board", role="reader")
    assert status == 403
    assert now_is(served, other).project_permissions == {"nordwind": given}
    async with lead.get(page) as answer:
        tree: Any = html.fromstring(await answer.text())
    assert not tree.xpath("//form[contains(@action, '/everywhere')]")
    assert not tree.xpath("//input[@name='streams-admin'][not(@disabled)]")


async def test_two_who_change_the_same_do_not_undo_each_other(
    served: Served, sign_in: SignIn
) -> None:
    ann = await sign_in("ann")
    other = made(served, "twice", {"nordwind": frozenset({Permission.STREAMS_READ})})
    async with ann.get(f"/people/{other.id}") as answer:
        tree: Any = html.fromstring(await answer.text())
    (first, *_) = tree.xpath("//form[contains(@action, '/projects')]")
    hidden = {one.get("name"): one.get("value") for one in first.xpath(".//input[@type='hidden']")}
    changed = {"nordwind": frozenset({Permission.BUCKETS_READ})}
    with served.database.write() as tx:
        users.save(tx, replace(other, project_permissions=changed))
    async with ann.post(first.get("action"), data={**hidden, "role": "owner"}) as answer:
        assert answer.status == 409
        assert "Somebody else changed" in await answer.text()
    assert now_is(served, other).project_permissions == changed


async def test_nobody_locks_himself_out(served: Served, sign_in: SignIn) -> None:
    ann = await sign_in("ann")
    with served.database.read() as tx:
        user = users.by_username(tx, "ann")
    assert user is not None
    page = f"/people/{user.id}"
    status, _ = await post(ann, page, "/everywhere")
    assert status == 422
    other = made(served, "stays")
    async with ann.get(f"/people/{other.id}") as answer:
        tree: Any = html.fromstring(await answer.text())
    proof = tree.xpath("//input[@name='csrf_token']/@value")[0]
    for act, fields in (("state", {"state": "off"}), ("remove", {"name": "ann"})):
        async with ann.post(f"{page}/{act}", data={"csrf_token": proof, **fields}) as answer:
            assert answer.status == 422
    after = now_is(served, user)
    assert after.is_enabled
    assert GlobalPermission.ROOT in after.global_permissions


async def test_who_is_shut_out_or_removed_is_out_at_once(served: Served, sign_in: SignIn) -> None:
    ann = await sign_in("ann")
    other = made(served, "gone")
    out = await sign_in("gone")
    page = f"/people/{other.id}"
    assert (await post(ann, page, "/state", state="off"))[0] == 303
    async with out.get("/", allow_redirects=False) as answer:
        assert answer.status == 303
    status, shown = await post(ann, page, "/remove", name="somebody")
    assert status == 422
    assert "type gone to remove" in shown.xpath("string(//*[@role='alert'])")
    assert (await post(ann, page, "/remove", name="gone"))[0] == 303
    with served.database.read() as tx:
        assert users.by_id(tx, other.id) is None
    assert notes(served)[:2] == [("user_removed", "gone"), ("user_disabled", "gone")]


async def test_a_password_is_changed_by_who_knows_it(served: Served, sign_in: SignIn) -> None:
    user = made(served, "walt")
    walt, elsewhere = await sign_in("walt"), await sign_in("walt")
    for old, new, again, field in (
        ("wrong", PASSWORD + "!", PASSWORD + "!", "old"),
        (PASSWORD, "short", "short", "new"),
        (PASSWORD, PASSWORD + "!", PASSWORD, "again"),
    ):
        status, page = await post(
            walt, "/account", "/account/password", old=old, new=new, again=again
        )
        assert (status, page.xpath("//p[@class='fault']/@id")) == (422, [f"f-{field}-wrong"])
    fields = {"old": PASSWORD, "new": "other good words", "again": "other good words"}
    assert (await post(walt, "/account", "/account/password", **fields))[0] == 303
    assert passwords.is_right("other good words", now_is(served, user).password_hash)
    async with walt.get("/account") as answer:
        assert "other good words" not in await answer.text()
    async with elsewhere.get("/account", allow_redirects=False) as answer:
        assert answer.status == 303


async def test_a_session_found_open_does_not_help_to_guess_the_password(
    served: Served, sign_in: SignIn
) -> None:
    made(served, "away")
    session = await sign_in("away")
    new = {"new": "another few good words", "again": "another few good words"}
    told = ""
    for number in range(FREE + 1):
        fields = {"old": f"guess {number}", **new}
        status, page = await post(session, "/account", "/password", **fields)
        assert status == 422
        told = page.xpath("string(//*[@id='f-old-wrong'])")
    assert "Too many wrong passwords" in told
    # Another process of the same database knows it, too.
    shared = SharedThrottle(served.database)
    assert shared.attempt("away", "127.0.0.1", now=datetime.now(UTC)) > timedelta()


async def test_the_audit_log_tells_of_refused_sign_ins(
    served: Served, sign_in: SignIn, visitor: aiohttp.ClientSession
) -> None:
    made(served, "tried")
    for name in ("tried", "my-pass-word"):
        form = {"username": name, "password": "wrong"}
        async with visitor.post("/sign-in", data=form) as answer:
            assert answer.status == 401
    ann = await sign_in("ann")
    async with ann.get("/audit?kind=sign_in_refused") as answer:
        page: Any = html.fromstring(await answer.text())
    rows = [row.xpath("normalize-space()") for row in page.xpath("//tbody/tr")][:2]
    assert ["somebody was refused to sign in" in rows[0], "tried was refused" in rows[1]] == [
        True
    ] * 2
    assert all(row.endswith("127.0.0.1") for row in rows)
    assert "my-pass-word" not in page.text_content()


async def test_a_token_is_shown_once_and_ends(served: Served, sign_in: SignIn) -> None:
    user = made(served, "dev")
    dev = await sign_in("dev")
    status, page = await post(dev, "/account", "/account/tokens", name="nightly", days="90")
    assert status == 200
    (plain,) = page.xpath("//code[@id='secret']/text()")
    with served.database.read() as tx:
        identity = tokens.identify(tx, plain, now=user.created_at)
    assert identity is not None
    assert identity.user_id == user.id
    async with dev.get("/account") as answer:
        text = await answer.text()
    assert plain not in text
    tree: Any = html.fromstring(text)
    (token,) = tree.xpath("//button[@name='token']/@value")
    assert (await post(dev, "/account", "/account/tokens/end", token=token))[0] == 303
    with served.database.read() as tx:
        assert tokens.identify(tx, plain, now=user.created_at) is None


async def test_the_audit_log_tells_who_did_what_and_filters(
    served: Served, sign_in: SignIn
) -> None:
    ann = await sign_in("ann")
    other = made(served, "audited")
    await post(ann, f"/people/{other.id}", "/state", state="off")
    async with ann.get("/audit?kind=user_disabled") as answer:
        tree: Any = html.fromstring(await answer.text())
    row = [cell.text_content().strip() for cell in tree.xpath("//tbody/tr[1]/*")]
    assert row[1:] == ["ann", "shut a user out", "audited", "127.0.0.1"]
    async with ann.get("/audit?until=2000-01-01&who=nobody&before=x&since=never") as answer:
        assert answer.status == 200
        assert "Nothing like that" in await answer.text()
    async with ann.get("/audit?since=0001-01-01&until=9999-12-31&kind=user_disabled") as answer:
        assert answer.status == 200


def test_every_permission_has_its_words_once() -> None:
    told = [permission for some in rights.PERMISSIONS.values() for permission in some]
    assert sorted(told) == sorted(Permission)


async def test_a_password_that_the_sign_in_would_not_take_is_not_taken(
    served: Served, sign_in: SignIn
) -> None:
    wordy = made(served, "wordy")
    session = await sign_in("wordy")
    long = "word " * 300
    fields = {"old": PASSWORD, "new": long, "again": long}
    status, page = await post(session, "/account", "/password", **fields)
    assert status == 422
    assert "At most 1,000 characters" in page.xpath("string(//*[@id='f-new-wrong'])")
    assert now_is(served, wordy).password_hash == wordy.password_hash
