"""API tokens: random, shown once, kept as SHA-256.

A user has one active token: a new one ends the old (Communications Mining, section 0).
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import Connection as Transaction

from mailmine.access.permissions import Identity
from mailmine.store import tokens, users
from mailmine.store.users import User

PREFIX = "mailmine_"
"""Lets scanners of repositories and logs recognise a token that leaked."""

NOTED_EVERY = timedelta(hours=1)
"""How exact "last used" is: a write for every request would cost more than the request."""


def issue(
    tx: Transaction, user: User, name: str, *, at: datetime, expires_at: datetime | None = None
) -> str:
    """Make the token of `user`, ending the one he had. What is returned cannot be had again."""
    for old in tokens.of_user(tx, user.id):
        tokens.remove(tx, old.id)
    plain = PREFIX + secrets.token_urlsafe(32)
    tokens.add(tx, user.id, name, digest(plain), at=at, expires_at=expires_at)
    return plain


def identify(tx: Transaction, plain: str, *, now: datetime) -> Identity | None:
    """Tell whose token this is; None if it is nobody's, has expired, or its user was switched off."""
    token = tokens.by_hash(tx, digest(plain))
    if token is None or (token.expires_at is not None and token.expires_at <= now):
        return None
    user = users.by_id(tx, token.user_id)
    if user is None or not user.is_enabled:
        return None
    is_noted = token.last_used_at is not None and now - token.last_used_at < NOTED_EVERY
    return Identity.of(user, unnoted_token=None if is_noted else token.id)


def note_use(tx: Transaction, identity: Identity, *, at: datetime) -> None:
    """Keep that the token he came with was used, if that ought to be noted."""
    if identity.unnoted_token is not None:
        tokens.touch(tx, identity.unnoted_token, at)


def digest(plain: str) -> str:
    """Hash a secret of 256 random bits. It cannot be guessed, so it needs no slow hash."""
    return hashlib.sha256(plain.encode()).hexdigest()
