"""What stopped, and what of it people were told: a row lives from the stop until its end was told, and a little longer."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select

from mailmine.model.ids import IntegrationId, MailboxId
from mailmine.model.notice import Topic
from mailmine.store.schema import incidents
from mailmine.store.upsert import upsert


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One thing that stopped, or that somebody is warned of."""

    subject: str
    """The id of the mailbox, or of the integration itself; of a warning, with its code."""
    topic: Topic
    integration_id: IntegrationId
    mailbox_id: MailboxId | None
    code: str
    message: str
    began_at: datetime
    told_at: datetime | None = None
    back_at: datetime | None = None
    """When it was seen to go on."""
    back_told_at: datetime | None = None

    @property
    def thing(self) -> MailboxId | IntegrationId:
        """What it is about: the mailbox, or the integration itself."""
        return self.mailbox_id or self.integration_id


_KEY = ("subject", "topic")
_CHANGE = tuple(column.name for column in incidents.c if column.name not in _KEY)


def list_all(tx: Connection) -> tuple[Incident, ...]:
    """All, what began first at the front."""
    rows = tx.execute(select(incidents).order_by(incidents.c.began_at, incidents.c.subject))
    return tuple(Incident(**row._asdict() | {"topic": Topic(row.topic)}) for row in rows)


def put(tx: Connection, incident: Incident) -> None:
    """Keep an incident as it is now. Raises NotFound if what it is about was removed."""
    tx.execute(upsert(tx, incidents, key=_KEY, change=_CHANGE).values(**asdict(incident)))


def remove(tx: Connection, incident: Incident) -> None:
    """Forget an incident."""
    known = incidents.c
    mine = (known.subject == incident.subject) & (known.topic == incident.topic)
    tx.execute(delete(incidents).where(mine))
