"""Sessions of people on the pages: a random id in a cookie, kept as SHA-256."""

import secrets
from datetime import datetime, timedelta
from typing import Literal, TypedDict

from sqlalchemy import Connection as Transaction

from mailmine.access.permissions import Identity
from mailmine.access.tokens import digest
from mailmine.store import sessions, users
from mailmine.store.users import User

COOKIE = "mailmine_session"

LIFETIME = timedelta(days=7)
"""From signing in until one has to do so again, used or not."""


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
    return Identity.of(user) if user is not None and user.is_enabled else None


def end(tx: Transaction, plain: str) -> None:
    """Forget a session."""
    sessions.remove(tx, digest(plain))


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
