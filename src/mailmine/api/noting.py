"""Writes down who changed what: the audit log is the event log (`store.events`)."""

from sqlalchemy import Connection as Transaction

from mailmine.api.asking import Asked
from mailmine.model.ids import IntegrationId
from mailmine.store import events


def note(
    tx: Transaction,
    asker: Asked,
    kind: str,
    /,
    *,
    project: str | None = None,
    integration_id: IntegrationId | None = None,
    **detail: str | float | bool | None,
) -> None:
    """Append an event of this `kind` in the transaction that makes it; `detail` says to what. Never a secret."""
    told: dict[str, str | int | float | bool | None] = dict(detail)
    if project is not None:
        told["project"] = project
    if asker.address:
        told["from"] = asker.address
    events.append(
        tx,
        kind,
        at=asker.at,
        user_id=asker.identity.user_id,
        integration_id=integration_id,
        detail=told,
    )
