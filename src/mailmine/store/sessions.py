"""Sessions of signed-in people, known by the hash of their id alone."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from mailmine.model.ids import UserId
from mailmine.store.schema import sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One session."""

    id_hash: str
    """Lower-case hex of the SHA-256 of the session's id."""
    user_id: UserId
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


def add(
    tx: Connection, id_hash: str, user_id: UserId, *, at: datetime, expires_at: datetime
) -> Session:
    """Begin a session. Raises NotFound if there is no such user."""
    session = Session(
        id_hash=id_hash, user_id=user_id, created_at=at, last_seen_at=at, expires_at=expires_at
    )
    tx.execute(insert(sessions).values(**asdict(session)))
    return session


def by_hash(tx: Connection, id_hash: str) -> Session | None:
    """Find a session, expired ones too."""
    row = tx.execute(select(sessions).where(sessions.c.id_hash == id_hash)).one_or_none()
    return None if row is None else Session(**row._asdict())


def of_user(tx: Connection, user_id: UserId, *, now: datetime) -> tuple[Session, ...]:
    """List the sessions of a user that have not expired, the one seen last first."""
    lives = (sessions.c.user_id == user_id) & (sessions.c.expires_at > now)
    latest = sessions.c.last_seen_at.desc(), sessions.c.id_hash
    rows = tx.execute(select(sessions).where(lives).order_by(*latest))
    return tuple(Session(**row._asdict()) for row in rows)


def touch(tx: Connection, id_hash: str, at: datetime) -> None:
    """Note that a session was used."""
    tx.execute(update(sessions).where(sessions.c.id_hash == id_hash).values(last_seen_at=at))


def remove(tx: Connection, id_hash: str) -> None:
    """End a session."""
    tx.execute(delete(sessions).where(sessions.c.id_hash == id_hash))


def remove_of_user(tx: Connection, user_id: UserId) -> None:
    """End all sessions of a user."""
    tx.execute(delete(sessions).where(sessions.c.user_id == user_id))


def remove_expired(tx: Connection, now: datetime) -> int:
    """End the sessions whose time is over; how many they were."""
    return tx.execute(delete(sessions).where(sessions.c.expires_at <= now)).rowcount
