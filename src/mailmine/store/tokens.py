"""API tokens, known by their hash alone."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from mailmine.model.ids import TokenId, UserId
from mailmine.model.token_scope import TokenScope
from mailmine.store.schema import tokens
from mailmine.store.types import new_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One token of a user."""

    id: TokenId
    user_id: UserId
    name: str
    token_hash: str
    """Lower-case hex of the SHA-256 of the token."""
    is_further: bool
    """Whether it is one beside the token that every user may have."""
    scope: TokenScope | None
    """What may be done by it, of what its user may do; None = all of that."""
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


def add(
    tx: Connection,
    user_id: UserId,
    name: str,
    token_hash: str,
    *,
    at: datetime,
    expires_at: datetime | None = None,
    is_further: bool = False,
    scope: TokenScope | None = None,
) -> Token:
    """Keep a new token. Raises NotFound if there is no such user."""
    token = Token(
        id=TokenId(new_id()),
        user_id=user_id,
        name=name,
        token_hash=token_hash,
        is_further=is_further,
        scope=scope,
        created_at=at,
        expires_at=expires_at,
        last_used_at=None,
    )
    tx.execute(insert(tokens).values(**(asdict(token) | {"scope": scope})))
    return token


def by_hash(tx: Connection, token_hash: str) -> Token | None:
    """Find a token, expired ones too."""
    row = tx.execute(select(tokens).where(tokens.c.token_hash == token_hash)).one_or_none()
    return None if row is None else Token(**row._asdict())


def of_user(tx: Connection, user_id: UserId) -> tuple[Token, ...]:
    """List the tokens of a user, oldest first."""
    query = select(tokens).where(tokens.c.user_id == user_id)
    rows = tx.execute(query.order_by(tokens.c.created_at, tokens.c.id))
    return tuple(Token(**row._asdict()) for row in rows)


def touch(tx: Connection, token_id: TokenId, at: datetime) -> None:
    """Note that a token was used."""
    tx.execute(update(tokens).where(tokens.c.id == token_id).values(last_used_at=at))


def remove(tx: Connection, token_id: TokenId) -> None:
    """Forget a token."""
    tx.execute(delete(tokens).where(tokens.c.id == token_id))
