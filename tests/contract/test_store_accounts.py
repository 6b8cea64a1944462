"""Users and how they sign in; secrets, settings, and the log of what happened."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from mailmine.model.ids import IntegrationId, MailboxId, UserId
from mailmine.store import events, identities, secrets, sessions, settings, tokens, users
from mailmine.store.database import Database
from mailmine.store.errors import Conflict, NotFound
from tests.contract.store_world import MINUTE, NOW


def ana(tx: Connection) -> users.User:
    return users.add(
        tx,
        username="Ana",
        email="ana@acme.example",
        password_hash="$argon2id$",
        global_permissions=frozenset({"users-read"}),
        project_permissions={"acme": frozenset({"sources-read", "streams-read"})},
    )


def test_a_user_is_found_in_any_case(database: Database) -> None:
    with database.write() as tx:
        user = ana(tx)
        assert users.by_id(tx, user.id) == user
        assert users.by_username(tx, "aNA") == user
        assert users.by_username(tx, "an") is None
        # Whatever is typed into the sign-in is asked for; and one name must not be written in many ways.
        assert users.by_username(tx, "ana\x00") is None
        assert users.list_all(tx) == (user,)
        assert users.count(tx) == 1


def test_a_user_is_saved_whole(database: Database) -> None:
    with database.write() as tx:
        user = replace(
            ana(tx), username="Anna", password_hash=None, project_permissions={}, is_enabled=False
        )
        users.save(tx, user)
        assert users.by_id(tx, user.id) == user
        with pytest.raises(NotFound):
            users.save(tx, replace(user, id=UserId("0" * 16)))


def test_a_token_is_known_by_its_hash_until_removed(database: Database) -> None:
    with database.write() as tx:
        user = ana(tx)
        token = tokens.add(tx, user.id, "laptop", "ab" * 32, at=NOW, expires_at=NOW + MINUTE)
        assert tokens.by_hash(tx, "ab" * 32) == token
        tokens.touch(tx, token.id, NOW + MINUTE)
        used = replace(token, last_used_at=NOW + MINUTE)
        assert tokens.of_user(tx, user.id) == (used,)
        tokens.remove(tx, token.id)
        assert tokens.by_hash(tx, "ab" * 32) is None


def test_a_token_needs_a_user(database: Database) -> None:
    with pytest.raises(NotFound), database.write() as tx:
        tokens.add(tx, UserId("0" * 16), "laptop", "ab" * 32, at=NOW)


def test_a_session_lives_until_it_ends(database: Database) -> None:
    with database.write() as tx:
        user = ana(tx)
        session = sessions.add(tx, "h", user.id, at=NOW, expires_at=NOW + MINUTE)
        assert sessions.by_hash(tx, "h") == session
        sessions.touch(tx, "h", NOW + MINUTE / 2)
        assert sessions.by_hash(tx, "h") == replace(session, last_seen_at=NOW + MINUTE / 2)
        assert sessions.remove_expired(tx, NOW + MINUTE / 2) == 0
        assert sessions.remove_expired(tx, NOW + MINUTE) == 1
        assert sessions.by_hash(tx, "h") is None


def test_the_sessions_of_a_user_are_listed_while_they_live(database: Database) -> None:
    with database.write() as tx:
        user = ana(tx)
        for name, minutes in [("a", 1), ("b", 2), ("c", 3)]:
            sessions.add(tx, name, user.id, at=NOW, expires_at=NOW + minutes * MINUTE)
        sessions.touch(tx, "c", NOW + MINUTE)
        living = sessions.of_user(tx, user.id, now=NOW + MINUTE)
        assert [session.id_hash for session in living] == ["c", "b"]
        assert sessions.of_user(tx, UserId("0" * 16), now=NOW) == ()


def test_an_identity_is_that_of_one_user_and_goes_with_him(database: Database) -> None:
    with database.write() as tx:
        user = ana(tx)
        identity = identities.UserIdentity(issuer="https://a", subject="7", user_id=user.id)
        identities.add(tx, identity)
        assert identities.get(tx, "https://a", "7") == identity
        assert identities.get(tx, "https://b", "7") is None
        assert identities.get(tx, "https://A", "7") is None
    with pytest.raises(Conflict), database.write() as tx:
        identities.add(tx, identity)
    with pytest.raises(NotFound), database.write() as tx:
        identities.add(tx, replace(identity, subject="8", user_id=UserId("0" * 16)))
    with database.write() as tx:
        users.remove(tx, user.id)
        assert identities.get(tx, "https://a", "7") is None


def test_all_sessions_of_a_user_end_at_once(database: Database) -> None:
    with database.write() as tx:
        user = ana(tx)
        for name in "abc":
            sessions.add(tx, name, user.id, at=NOW, expires_at=NOW + MINUTE)
        sessions.remove(tx, "a")
        assert sessions.by_hash(tx, "a") is None
        assert sessions.by_hash(tx, "b") is not None
        sessions.remove_of_user(tx, user.id)
        assert sessions.by_hash(tx, "b") is None


def test_a_secret_is_replaced_and_removed(database: Database) -> None:
    with database.write() as tx:
        assert secrets.get(tx, "integration/1") is None
        secrets.put(tx, "integration/1", b"\x00\xff", "key 1", at=NOW)
        secrets.put(tx, "integration/1", b"\x01", "key 2", at=NOW)
        assert secrets.get(tx, "integration/1") == (b"\x01", "key 2")
        secrets.remove(tx, "integration/1")
        assert secrets.get(tx, "integration/1") is None


def test_a_setting_is_replaced(database: Database) -> None:
    with database.write() as tx:
        assert settings.get(tx, "a") is None
        settings.put(tx, "a", "1")
        settings.put(tx, "a", "2")
        assert settings.get(tx, "a") == "2"


def test_events_are_read_in_both_directions(database: Database) -> None:
    with database.write() as tx:
        numbers = [
            events.append(
                tx,
                kind,
                at=NOW + timedelta(seconds=second),
                integration_id=IntegrationId("i"),
                mailbox_id=MailboxId("m"),
                user_id=UserId("u"),
                detail={"code": "http_401", "times": 2, "share": 0.5, "is_new": True, "none": None},
            )
            for second, kind in enumerate(["configured", "mailbox_disabled", "signed_in"])
        ]
        latest = events.page(tx, before=None, limit=2)
        assert [event.kind for event in latest] == ["signed_in", "mailbox_disabled"]
        assert [event.id for event in events.page(tx, before=latest[-1].id, limit=2)] == numbers[:1]
        assert [event.id for event in events.after(tx, numbers[0], 9)] == numbers[1:]
    assert latest[0] == events.Event(
        id=numbers[2],
        at=NOW + timedelta(seconds=2),
        kind="signed_in",
        integration_id=IntegrationId("i"),
        mailbox_id=MailboxId("m"),
        user_id=UserId("u"),
        detail={"code": "http_401", "times": 2, "share": 0.5, "is_new": True, "none": None},
    )
