"""Who a provider's subjects are here: its word for a person is the pair of issuer and subject, and nothing else."""

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, insert, select

from mailmine.model.ids import UserId
from mailmine.store.schema import user_identities


@dataclass(frozen=True, slots=True, kw_only=True)
class UserIdentity:
    """One identity of a user at a provider."""

    issuer: str
    subject: str
    """The person's id there: never given to another, unlike names and addresses (OpenID Connect Core, 2)."""
    user_id: UserId


def get(tx: Connection, issuer: str, subject: str) -> UserIdentity | None:
    """Find whose identity this is."""
    known = user_identities.c
    query = select(user_identities).where(known.issuer == issuer, known.subject == subject)
    row = tx.execute(query).one_or_none()
    return None if row is None else UserIdentity(**row._asdict())


def of_user(tx: Connection, user_id: UserId) -> tuple[UserIdentity, ...]:
    """List who a user is at providers."""
    known = user_identities.c
    query = select(user_identities).where(known.user_id == user_id).order_by(known.issuer)
    return tuple(UserIdentity(**row._asdict()) for row in tx.execute(query))


def add(tx: Connection, identity: UserIdentity) -> None:
    """Keep an identity. Raises Conflict if it is a user's already, NotFound if there is no such user."""
    tx.execute(insert(user_identities).values(**asdict(identity)))
