"""API tokens: random, shown once, kept as SHA-256.

A user has one active token: a new one ends the old (Communications Mining, section 0). Beside it he may have further
ones, each with a name, an end and a scope of its own; of one name, a new one ends the old.
"""

import hashlib
import secrets
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection as Transaction

from mailmine.access.permissions import GlobalPermission, Identity
from mailmine.model.token_scope import TokenScope
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
        if not old.is_further:
            tokens.remove(tx, old.id)
    plain = PREFIX + secrets.token_urlsafe(32)
    tokens.add(tx, user.id, name, digest(plain), at=at, expires_at=expires_at)
    return plain


def issue_further(
    tx: Transaction,
    user: User,
    name: str,
    *,
    at: datetime,
    expires_at: datetime | None,
    scope: TokenScope | None,
) -> str:
    """Make a token for one purpose, beside the others of `user`. What is returned cannot be had again."""
    for old in tokens.of_user(tx, user.id):
        if old.is_further and old.name == name:
            tokens.remove(tx, old.id)
    plain = PREFIX + secrets.token_urlsafe(32)
    tokens.add(
        tx,
        user.id,
        name,
        digest(plain),
        at=at,
        expires_at=expires_at,
        is_further=True,
        scope=scope,
    )
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
    unnoted = None if is_noted else token.id
    return Identity.of(within(user, token.scope), unnoted_token=unnoted)


def within(user: User, scope: TokenScope | None) -> User:
    """Give a user who may do only what is in `scope`, of what he may do himself."""
    if scope is None:
        return user
    if GlobalPermission.ROOT in user.global_permissions:
        return replace(
            user,
            global_permissions=scope.global_permissions,
            project_permissions=scope.project_permissions,
        )
    given = user.project_permissions
    return replace(
        user,
        global_permissions=user.global_permissions & scope.global_permissions,
        project_permissions={
            project: some
            for project, wanted in scope.project_permissions.items()
            if (some := wanted & given.get(project, frozenset()))
        },
    )


def note_use(tx: Transaction, identity: Identity, *, at: datetime) -> None:
    """Keep that the token he came with was used, if that ought to be noted."""
    if identity.unnoted_token is not None:
        tokens.touch(tx, identity.unnoted_token, at)


def digest(plain: str) -> str:
    """Hash a secret of 256 random bits. It cannot be guessed, so it needs no slow hash."""
    return hashlib.sha256(plain.encode()).hexdigest()
