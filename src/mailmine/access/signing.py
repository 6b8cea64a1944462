"""A person signs in and out."""

import math
from datetime import datetime

from mailmine.access import passwords, refusals, sessions
from mailmine.access.throttle import SharedThrottle, Throttle
from mailmine.store import events, users
from mailmine.store.database import Database


class SignInError(Exception):
    """He is not let in; the message is for him, and does not tell whether the user exists."""


def sign_in(
    database: Database,
    throttle: SharedThrottle | Throttle,
    *,
    username: str,
    password: str,
    address: str,
    now: datetime,
) -> str:
    """Check username and password, start a session, and give its id for the cookie.

    `address` is where the request came from. Raises SignInError, StoreError.
    """
    if wait := throttle.attempt(username, address, now=now):
        raise SignInError(
            f"Too many wrong passwords. Try again in {math.ceil(wait.total_seconds())} seconds."
        )
    with database.read() as tx:
        user = users.by_username(tx, username)
    is_right = passwords.is_right(password, user.password_hash if user else None)
    if user is None or not is_right or not user.is_enabled:
        detail = {"from": address} if address else {}
        refusals.note(database, user, at=now, detail=detail)
        raise SignInError("The username or the password is wrong.")
    throttle.succeeded(username, address)
    with database.write() as tx:
        detail = {"from": address} if address else {}
        events.append(tx, "signed_in", at=now, user_id=user.id, detail=detail)
        return sessions.begin(tx, user, at=now)


def sign_out(database: Database, session_token: str) -> None:
    """End a session; one that is over already stays so."""
    with database.write() as tx:
        sessions.end(tx, session_token)
