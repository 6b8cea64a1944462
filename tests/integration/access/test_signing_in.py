"""Accounts, tokens and sessions on a database."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from mailmine.access import first, passwords, refusals, secrets, sessions, signing, tokens
from mailmine.access.throttle import FREE, SharedThrottle, Throttle
from mailmine.model.token_scope import TokenScope
from mailmine.store import events, users
from mailmine.store.database import Database
from mailmine.store.schema import settings
from mailmine.store.users import User

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.open(f"sqlite:///{tmp_path}/mailmine.db")
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def admin(database: Database) -> User:
    with database.write() as tx:
        made = first.administrator(tx, at=NOON, password="open sesame")
    assert made is not None
    return made.user


def test_the_first_start_makes_an_administrator_and_later_ones_do_not(database: Database) -> None:
    with database.write() as tx:
        made = first.administrator(tx, at=NOON)
        again = first.administrator(tx, at=NOON)

    assert again is None
    assert made is not None
    assert "root" in made.user.global_permissions
    assert passwords.is_right(made.password, made.user.password_hash)
    assert made.password not in repr(made)


def sign_in(
    database: Database, throttle: SharedThrottle | Throttle, password: str, username: str = "admin"
) -> str:
    return signing.sign_in(
        database, throttle, username=username, password=password, address="10.0.0.1", now=NOON
    )


def test_a_person_signs_in_is_known_and_signs_out(database: Database, admin: User) -> None:
    session = sign_in(database, Throttle(), "open sesame", "Admin")

    with database.read() as tx:
        known = sessions.identify(tx, session, now=NOON + timedelta(days=6))
        assert known is not None
        assert known.user_id == admin.id
        assert known.is_root
        assert sessions.identify(tx, session, now=NOON + sessions.LIFETIME) is None
        assert sessions.identify(tx, session + "x", now=NOON) is None
        assert "signed_in" in {event.kind for event in events.page(tx, before=None, limit=5)}

    signing.sign_out(database, session)
    with database.read() as tx:
        assert sessions.identify(tx, session, now=NOON) is None


@pytest.mark.usefixtures("admin")
def test_whoever_is_not_let_in_does_not_learn_why(database: Database) -> None:
    said = set()
    for username, password in [("admin", "wrong"), ("nobody", "open sesame"), ("", "")]:
        with pytest.raises(signing.SignInError) as refused:
            sign_in(database, Throttle(), password, username)
        said.add(str(refused.value))
    assert said == {"The username or the password is wrong."}


@pytest.mark.usefixtures("admin")
def test_after_some_guesses_even_the_right_password_waits(database: Database) -> None:
    throttle = Throttle()
    for _ in range(FREE):
        with pytest.raises(signing.SignInError, match="is wrong"):
            sign_in(database, throttle, "guess")
    with pytest.raises(signing.SignInError, match="Try again in 2 seconds"):
        sign_in(database, throttle, "open sesame")


def test_however_many_are_refused_few_rows_tell_of_them(database: Database, admin: User) -> None:
    for username in ("admin", "my-pass-word"):
        with pytest.raises(signing.SignInError):
            sign_in(database, Throttle(), "wrong", username)
    for at in (NOON, NOON + 2 * refusals.WINDOW):
        for user in (admin, None):
            for _ in range(100):
                refusals.note(database, user, at=at, detail={"from": "10.0.0.2"})
    with database.read() as tx:
        told = [one for one in events.page(tx, before=None, limit=200) if one.kind == refusals.KIND]
        kept = tx.execute(select(settings).where(settings.c.name.like("refused%"))).all()
    assert [one.user_id for one in told].count(None) == 2 * refusals.EACH + 2
    assert len(told) == 2 * (2 * refusals.EACH + 2)
    assert [one.detail for one in told if "times" in one.detail] == [
        {"from": "10.0.0.2", "times": 100}
    ] * 4
    assert "my-pass-word" not in repr((told, kept))
    assert len(kept) == 2


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_guesses_are_counted_whichever_process_they_reach(
    kind: str, request: pytest.FixtureRequest
) -> None:
    if kind == "sqlite":
        database: Database = request.getfixturevalue("database")
    else:
        database = Database.open(request.getfixturevalue("pg_url"))
        database.migrate()
    processes = SharedThrottle(database), SharedThrottle(database)

    def guess(at: datetime, number: int = 0) -> timedelta:
        return processes[number % 2].attempt("ann\0\ud800", "10.0.0.1", now=at)

    with ThreadPoolExecutor(8) as threads:
        waits = list(threads.map(partial(guess, NOON), range(20)))
    assert waits.count(timedelta()) == FREE
    assert max(waits) == timedelta(seconds=2)
    assert processes[0].attempt("ann", "10.0.0.2", now=NOON) == timedelta()
    processes[1].succeeded("ann\0\ud800", "10.0.0.1")
    assert guess(NOON) == timedelta()
    guess(NOON + timedelta(hours=2))
    with database.read() as tx:
        kept = tx.execute(select(settings.c.name).where(settings.c.name.like("failed%"))).all()
    assert len(kept) == 1
    assert "ann" not in kept[0].name
    database.close()


def test_a_user_who_was_switched_off_is_nobody(database: Database, admin: User) -> None:
    session = sign_in(database, Throttle(), "open sesame")
    with database.write() as tx:
        token = tokens.issue(tx, admin, "laptop", at=NOON)
        users.save(tx, replace(admin, is_enabled=False))

    with database.read() as tx:
        assert tokens.identify(tx, token, now=NOON) is None
        assert sessions.identify(tx, session, now=NOON) is None
    with pytest.raises(signing.SignInError):
        sign_in(database, Throttle(), "open sesame")


def test_a_new_token_ends_the_one_before(database: Database, admin: User) -> None:
    with database.write() as tx:
        old = tokens.issue(tx, admin, "laptop", at=NOON)
        new = tokens.issue(tx, admin, "laptop", at=NOON)

    with database.read() as tx:
        assert tokens.identify(tx, old, now=NOON) is None
        known = tokens.identify(tx, new, now=NOON)
    assert known is not None
    assert known.username == "admin"


def test_further_tokens_stay_beside_it(database: Database, admin: User) -> None:
    with database.write() as tx:
        nightly = further(tx, admin, "nightly", None)
        again = further(tx, admin, "nightly", None)
        other = further(tx, admin, "other", None)
        own = tokens.issue(tx, admin, "API", at=NOON)

    with database.read() as tx:
        assert tokens.identify(tx, nightly, now=NOON) is None
        for token in (again, other, own):
            assert tokens.identify(tx, token, now=NOON) is not None


def further(tx: Connection, user: User, name: str, scope: TokenScope | None) -> str:
    return tokens.issue_further(tx, user, name, at=NOON, expires_at=None, scope=scope)


def test_a_scope_is_a_part_of_what_the_user_may_do(database: Database, admin: User) -> None:
    scope = TokenScope(
        global_permissions=frozenset({"tenant-admin"}),
        project_permissions={
            "sales": frozenset({"sources-read", "streams-read"}),
            "other": frozenset({"sources-read"}),
        },
    )
    with database.write() as tx:
        bob = users.add(
            tx,
            username="bob",
            email="",
            password_hash=None,
            global_permissions=frozenset(),
            project_permissions={"sales": frozenset({"sources-read", "sources-admin"})},
        )
        of_bob = further(tx, bob, "narrow", scope)
        of_admin = further(tx, admin, "narrow", scope)

    with database.read() as tx:
        narrow = tokens.identify(tx, of_bob, now=NOON)
        assert narrow is not None
        assert narrow.project_permissions == {"sales": frozenset({"sources-read"})}
        assert narrow.global_permissions == frozenset()

        # Who may do everything may do what the token says, and is no administrator by it.
        admin_by_it = tokens.identify(tx, of_admin, now=NOON)
        assert admin_by_it is not None
        assert not admin_by_it.is_root
        assert admin_by_it.project_permissions == scope.project_permissions


def test_a_token_may_expire(database: Database, admin: User) -> None:
    with database.write() as tx:
        token = tokens.issue(tx, admin, "ci", at=NOON, expires_at=NOON + timedelta(days=1))
    with database.read() as tx:
        assert tokens.identify(tx, token, now=NOON + timedelta(hours=23)) is not None
        assert tokens.identify(tx, token, now=NOON + timedelta(days=1)) is None


def test_the_use_of_a_token_is_noted_now_and_then(database: Database, admin: User) -> None:
    with database.write() as tx:
        token = tokens.issue(tx, admin, "ci", at=NOON)
        known = tokens.identify(tx, token, now=NOON)
        assert known is not None
        assert known.unnoted_token is not None
        tokens.note_use(tx, known, at=NOON)

        soon = tokens.identify(tx, token, now=NOON + timedelta(minutes=59))
        later = tokens.identify(tx, token, now=NOON + timedelta(minutes=60))
    assert soon is not None
    assert soon.unnoted_token is None
    assert later is not None
    assert later.unnoted_token is not None


def test_the_database_holds_nothing_that_lets_anybody_in(
    database: Database, admin: User, tmp_path: Path
) -> None:
    session = sign_in(database, Throttle(), "open sesame")
    keyring = secrets.Keyring.generate()
    with database.write() as tx:
        token = tokens.issue(tx, admin, "ci", at=NOON)
        secrets.put(tx, keyring, "integration/1", "hush hush", at=NOON)
    database.close()

    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for secret in (session, token, token.removeprefix(tokens.PREFIX), "open sesame", "hush hush"):
        assert secret.encode() not in kept


def test_secrets_are_kept_replaced_and_missed(database: Database) -> None:
    keyring = secrets.Keyring.generate()
    with database.write() as tx:
        assert secrets.get(tx, keyring, "integration/1") is None
        secrets.put(tx, keyring, "integration/1", "old", at=NOON)
        secrets.put(tx, keyring, "integration/1", "Пароль", at=NOON)
        assert secrets.get(tx, keyring, "integration/1") == "Пароль"


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites() -> None:
    cookie = sessions.cookie("abc", secure=True)
    assert cookie["httponly"]
    assert cookie["secure"]
    assert cookie["samesite"] == "lax"
