"""Settings that the server keeps for itself, by name."""

from collections.abc import Collection
from enum import StrEnum

from sqlalchemy import Connection, bindparam, delete, select, update

from mailmine.model.ids import IntegrationId, MailboxId
from mailmine.store.schema import settings
from mailmine.store.upsert import insert, upsert


class About(StrEnum):
    """What is kept about a mailbox or an integration, until that is removed."""

    IDS_OF = "ids_of"
    EWS_VERSION = "ews_version"
    RETRIED_AT = "retried_at"
    PASSWORD_ENDS = "password_ends"  # noqa: S105
    REFUSED_SECRET = "refused_secret"  # noqa: S105


def name(about: About, thing: MailboxId | IntegrationId) -> str:
    """Name a setting about a mailbox or an integration."""
    return f"{about}:{thing}"


def forget(tx: Connection, things: Collection[MailboxId | IntegrationId]) -> None:
    """Forget all settings about these, in the transaction that removes them."""
    gone = [{"gone": name(about, thing)} for thing in things for about in About]
    if gone:
        tx.execute(delete(settings).where(settings.c.name == bindparam("gone")), gone)


def get(tx: Connection, name: str) -> str | None:
    """Find a setting."""
    query = select(settings.c.value).where(settings.c.name == name)
    return tx.execute(query).scalar_one_or_none()


def put(tx: Connection, name: str, value: str) -> None:
    """Keep a setting."""
    tx.execute(
        upsert(tx, settings, key=("name",), change=("value",)).values(name=name, value=value)
    )


def remove(tx: Connection, name: str) -> None:
    """Forget a setting."""
    tx.execute(delete(settings).where(settings.c.name == name))


def remove_older(tx: Connection, prefix: str, value: str) -> None:
    """Forget the settings whose names begin so and whose values come before this one: a time is at their front."""
    mine = settings.c.name.startswith(prefix, autoescape=True)
    tx.execute(delete(settings).where(mine, settings.c.value < value))


def swap(tx: Connection, name: str, *, old: str | None, new: str) -> bool:
    """Replace `old` (None: nothing) by `new`, and keep others from swapping it until the end of `tx`.

    False where it is not `old` any more.
    """
    if old is None:
        fresh = insert(tx, settings).values(name=name, value=new).on_conflict_do_nothing()
        return tx.execute(fresh.returning(settings.c.name)).one_or_none() is not None
    mine = (settings.c.name == name) & (settings.c.value == old)
    return tx.execute(update(settings).where(mine).values(value=new)).rowcount == 1
