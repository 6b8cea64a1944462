"""Users and what they may do."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from mailmine.model.ids import UserId
from mailmine.store.errors import NotFound
from mailmine.store.schema import users
from mailmine.store.types import new_id


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One account."""

    id: UserId
    username: str
    """The same in any case."""
    email: str
    password_hash: str | None
    """None: signs in elsewhere, or not at all."""
    global_permissions: frozenset[str]
    project_permissions: Mapping[str, frozenset[str]]
    """By the name of the project."""
    created_at: datetime
    is_enabled: bool
    sso_global_permissions: frozenset[str] = frozenset()
    """Those of the global permissions that the provider's groups gave when he last signed in."""


def list_all(tx: Connection) -> tuple[User, ...]:
    """All users, by name."""
    rows = tx.execute(select(users).order_by(func.lower(users.c.username)))
    return tuple(User(**row._asdict()) for row in rows)


def by_id(tx: Connection, user_id: UserId) -> User | None:
    """Find a user by its id."""
    row = tx.execute(select(users).where(users.c.id == user_id)).one_or_none()
    return None if row is None else User(**row._asdict())


def by_username(tx: Connection, username: str) -> User | None:
    """Find a user by its name, in any case."""
    if "\x00" in username:
        return None  # PostgreSQL refuses the question
    named = func.lower(users.c.username) == func.lower(username)
    row = tx.execute(select(users).where(named)).one_or_none()
    return None if row is None else User(**row._asdict())


def add(
    tx: Connection,
    *,
    username: str,
    email: str,
    password_hash: str | None,
    global_permissions: frozenset[str],
    project_permissions: Mapping[str, frozenset[str]],
) -> User:
    """Make a user, enabled. Raises Conflict if the name is taken."""
    user = User(
        id=UserId(new_id()),
        username=username,
        email=email,
        password_hash=password_hash,
        global_permissions=global_permissions,
        project_permissions=project_permissions,
        created_at=datetime.now(UTC),
        is_enabled=True,
    )
    tx.execute(insert(users).values(**asdict(user)))
    return user


def save(tx: Connection, user: User) -> None:
    """Replace a user by what it is now. Raises Conflict if the name is taken, NotFound if it is gone."""
    values = asdict(user)
    done = tx.execute(update(users).where(users.c.id == values.pop("id")).values(**values))
    if done.rowcount == 0:
        raise NotFound(f"The user {user.username} does not exist any more.")


def remove(tx: Connection, user_id: UserId) -> None:
    """Forget a user with his tokens and sessions."""
    tx.execute(delete(users).where(users.c.id == user_id))


def count(tx: Connection) -> int:
    """Count the users."""
    return tx.execute(select(func.count()).select_from(users)).scalar_one()
