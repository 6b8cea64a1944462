"""What people are warned of now: a row lives as long as its danger."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select

from mailmine.model.ids import IntegrationId, MailboxId
from mailmine.store.schema import warnings
from mailmine.store.upsert import upsert


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingWarning:
    """One warning that holds."""

    integration_id: IntegrationId
    mailbox_id: MailboxId | None
    """None: the integration itself."""
    code: str
    message: str
    since: datetime
    ends_at: datetime | None
    told_at: datetime
    """When it was last told."""

    @property
    def subject(self) -> MailboxId | IntegrationId:
        """What is threatened: the mailbox, or the integration itself."""
        return self.mailbox_id or self.integration_id


_KEY = ("subject", "code")
_CHANGE = ("message", "since", "ends_at", "told_at")


def list_all(tx: Connection) -> tuple[StandingWarning, ...]:
    """All, what began first at the front."""
    return _list(tx, None)


def of_integration(
    tx: Connection, integration_id: IntegrationId
) -> Mapping[MailboxId | None, tuple[StandingWarning, ...]]:
    """List those of an integration itself (None) and of each of its mailboxes, what began first at the front."""
    found: dict[MailboxId | None, tuple[StandingWarning, ...]] = {}
    for one in _list(tx, integration_id):
        found[one.mailbox_id] = (*found.get(one.mailbox_id, ()), one)
    return found


def put(tx: Connection, warning: StandingWarning) -> None:
    """Keep a warning as it is now. Raises NotFound if what it is about was removed."""
    row = asdict(warning) | {"subject": warning.subject}
    tx.execute(upsert(tx, warnings, key=_KEY, change=_CHANGE).values(**row))


def remove(tx: Connection, warning: StandingWarning) -> None:
    """Forget a warning: its danger is over."""
    known = warnings.c
    mine = (known.subject == warning.subject) & (known.code == warning.code)
    tx.execute(delete(warnings).where(mine))


def _list(tx: Connection, integration_id: IntegrationId | None) -> tuple[StandingWarning, ...]:
    query = select(*(column for column in warnings.c if column.name != "subject"))
    if integration_id is not None:
        query = query.where(warnings.c.integration_id == integration_id)
    ordered = query.order_by(warnings.c.since, warnings.c.subject, warnings.c.code)
    return tuple(StandingWarning(**row._asdict()) for row in tx.execute(ordered))
