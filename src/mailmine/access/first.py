"""The first account of a new installation."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection as Transaction

from mailmine.access import passwords
from mailmine.access.permissions import GlobalPermission
from mailmine.store import events, users
from mailmine.store.users import User


@dataclass(frozen=True, slots=True)
class FirstAdministrator:
    """The account that was made, and its password, to be printed once."""

    user: User
    password: str = field(repr=False)


def administrator(
    tx: Transaction,
    *,
    at: datetime,
    username: str = "admin",
    email: str = "admin@localhost",
    password: str | None = None,
) -> FirstAdministrator | None:
    """Make an administrator who may do everything, if there is no user yet; None if there is one.

    Without `password` a random one is made.
    """
    if users.count(tx):
        return None
    password = password or passwords.generate()
    user = users.add(
        tx,
        username=username,
        email=email,
        password_hash=passwords.hash_password(password),
        global_permissions=frozenset({GlobalPermission.ROOT, GlobalPermission.TENANT_ADMIN}),
        project_permissions={},
    )
    events.append(tx, "user_added", at=at, user_id=user.id)
    return FirstAdministrator(user, password)
