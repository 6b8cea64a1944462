"""Sessions of people on the pages: a random id in a cookie, kept as SHA-256."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypedDict

from sqlalchemy import Connection as Transaction

from mailmine.access.permissions import Identity
from mailmine.access.tokens import digest
from mailmine.store import events, sessions, users
from mailmine.store.users import User

COOKIE = "mailmine_session"

LIFETIME = timedelta(days=7)
"""From signing in until one has to do so again, used or not."""

NOTED_EVERY = timedelta(minutes=5)
"""How exact "last seen" is: a write for every page would cost more than the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A session as its owner sees it."""

    handle: str
    """Names it among those of its owner; part of its hash, which lets nobody in."""
    began_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    is_this: bool
    """Whether it is the one that asks."""


class Cookie(TypedDict):
    """The arguments of Starlette's `set_cookie`; without `value` and `max_age` those of `delete_cookie`."""

    key: str
    value: str
    max_age: int
    path: str
    secure: bool
    httponly: bool
    samesite: Literal["lax"]


def begin(tx: Transaction, user: User, *, at: datetime) -> str:
    """Start a session and give its id, which goes into the cookie and nowhere else."""
    sessions.remove_expired(tx, at)
    plain = secrets.token_urlsafe(32)
    sessions.add(tx, digest(plain), user.id, at=at, expires_at=at + LIFETIME)
    return plain


def identify(tx: Transaction, plain: str, *, now: datetime) -> Identity | None:
    """Tell whose session this is; None if there is none, it has expired, or its user was switched off."""
    session = sessions.by_hash(tx, digest(plain))
    if session is None or session.expires_at <= now:
        return None
    user = users.by_id(tx, session.user_id)
    if user is None or not user.is_enabled:
        return None
    is_noted = now - session.last_seen_at < NOTED_EVERY
    return Identity.of(user, unnoted_session=None if is_noted else session.id_hash)


def note_use(tx: Transaction, identity: Identity, *, at: datetime) -> None:
    """Keep that the session he came with was used, if that ought to be noted."""
    if identity.unnoted_session is not None:
        sessions.touch(tx, identity.unnoted_session, at)


def shown(tx: Transaction, identity: Identity, plain: str, *, now: datetime) -> tuple[Shown, ...]:
    """List the sessions of who asks by the session `plain`: that one first, then those seen last."""
    own = digest(plain)
    listed = [
        Shown(
            handle=_handle(each.id_hash),
            began_at=each.created_at,
            last_seen_at=now if each.id_hash == own else each.last_seen_at,
            expires_at=each.expires_at,
            is_this=each.id_hash == own,
        )
        for each in sessions.of_user(tx, identity.user_id, now=now)
    ]
    return tuple(sorted(listed, key=lambda each: not each.is_this))


def end(tx: Transaction, plain: str) -> None:
    """Forget a session."""
    sessions.remove(tx, digest(plain))


def end_by_handle(tx: Transaction, identity: Identity, handle: str, *, at: datetime) -> None:
    """End that session of who asks; one that is over already stays so."""
    for each in sessions.of_user(tx, identity.user_id, now=at):
        if _handle(each.id_hash) == handle:
            sessions.remove(tx, each.id_hash)
            events.append(tx, "session_ended", at=at, user_id=identity.user_id)


def end_others(tx: Transaction, identity: Identity, plain: str, *, at: datetime) -> None:
    """End all sessions of who asks but the one that he asks by."""
    for each in sessions.of_user(tx, identity.user_id, now=at):
        if each.id_hash != digest(plain):
            sessions.remove(tx, each.id_hash)
            events.append(tx, "session_ended", at=at, user_id=identity.user_id)


def _handle(id_hash: str) -> str:
    return id_hash[:16]


def cookie(plain: str, *, secure: bool, path: str = "/") -> Cookie:
    """Say how the cookie is to be set. `secure`: the page was asked for by https.

    Scripts cannot read it, and other sites' forms do not send it.
    """
    return {
        "key": COOKIE,
        "value": plain,
        "max_age": int(LIFETIME.total_seconds()),
        "path": path,
        "secure": secure,
        "httponly": True,
        "samesite": "lax",
    }
