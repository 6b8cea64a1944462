"""Integrations: how to reach one Exchange each, and what stopped them."""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection as Transaction, Row, Select, delete, select, update

from mailmine.model.ids import IntegrationId, ProjectId
from mailmine.model.integration import Connection, DisabledReason, Integration, Trouble
from mailmine.store import removals, settings
from mailmine.store.errors import NotFound
from mailmine.store.schema import integrations, mailboxes, projects, strikes
from mailmine.store.switch import switched
from mailmine.store.types import new_id
from mailmine.store.upsert import upsert


def list_all(tx: Transaction) -> tuple[Integration, ...]:
    """All integrations, by project and name."""
    rows = tx.execute(_rows().order_by(projects.c.name, integrations.c.name))
    return tuple(_integration(row) for row in rows)


def get(tx: Transaction, project: str, name: str) -> Integration | None:
    """Find the integration `name` of the project named `project`."""
    return _one(tx, _rows().where(projects.c.name == project, integrations.c.name == name))


def by_id(tx: Transaction, integration_id: IntegrationId) -> Integration | None:
    """Find an integration by its id."""
    return _one(tx, _rows().where(integrations.c.id == integration_id))


def by_ids(tx: Transaction, ids: Collection[IntegrationId]) -> tuple[Integration, ...]:
    """Find integrations by their ids; those that are not there any more are left out."""
    return tuple(_integration(row) for row in tx.execute(_rows().where(integrations.c.id.in_(ids))))


def save(
    tx: Transaction,
    project_id: ProjectId,
    name: str,
    *,
    title: str,
    connection: Connection,
    enabled: bool = True,
) -> Integration:
    """Insert an integration, or replace its configuration; keeps its id and its trouble. One that was being removed stays.

    `enabled` is what a person wants (see `switch`). Raises NotFound if there is no such project.
    """
    now = datetime.now(UTC)
    named = (integrations.c.project_id == project_id) & (integrations.c.name == name)
    row: dict[str, Any] = {"id": new_id(), "project_id": project_id, "name": name, "title": title}
    row |= {"connection": connection, "created_at": now, "updated_at": now}
    row |= switched(_one(tx, _rows().where(named)), on=enabled)
    change = ("title", "connection", "enabled", "disabled_reason", "updated_at")
    tx.execute(upsert(tx, integrations, key=("project_id", "name"), change=change).values(**row))
    saved = _one(tx, _rows().where(named))
    if saved is None:
        raise NotFound(f"The integration {name} was removed in this moment.")
    removals.end(tx, saved.id)
    return saved


def set_enabled(
    tx: Transaction,
    integration_id: IntegrationId,
    *,
    enabled: bool,
    reason: DisabledReason | None = None,
    trouble: Trouble | None = None,
) -> None:
    """Switch an integration on or off, with the reason and the trouble to show from now on."""
    _set(tx, integration_id, enabled=enabled, disabled_reason=reason, trouble=trouble)


def remove(tx: Transaction, integration_id: IntegrationId) -> None:
    """Forget an integration with its mailboxes, their folders, copies, strikes and settings; emails and comments stay."""
    mine = select(mailboxes.c.id).where(mailboxes.c.integration_id == integration_id)
    settings.forget(tx, [integration_id, *tx.execute(mine).scalars()])
    tx.execute(delete(strikes).where(strikes.c.subject.in_(mine)))
    tx.execute(delete(strikes).where(strikes.c.subject == integration_id))
    tx.execute(delete(integrations).where(integrations.c.id == integration_id))


def set_trouble(tx: Transaction, integration_id: IntegrationId, trouble: Trouble | None) -> None:
    """Say what is wrong, or that nothing is."""
    _set(tx, integration_id, trouble=trouble)


def set_connection(tx: Transaction, integration_id: IntegrationId, connection: Connection) -> None:
    """Write the same connection in another way; nothing else changes."""
    _set(tx, integration_id, connection=connection)


def _set(tx: Transaction, integration_id: IntegrationId, **values: Any) -> None:
    mine = integrations.c.id == integration_id
    done = tx.execute(
        update(integrations).where(mine).values(**values, updated_at=datetime.now(UTC))
    )
    if done.rowcount == 0:
        raise NotFound("This integration does not exist any more.")


def _rows() -> Select[Any]:
    return select(integrations, projects.c.name.label("project")).join(projects)


def _one(tx: Transaction, query: Select[Any]) -> Integration | None:
    row = tx.execute(query).one_or_none()
    return None if row is None else _integration(row)


def _integration(row: Row[Any]) -> Integration:
    integration = Integration(**row._asdict())
    reason = integration.disabled_reason
    return (
        integration
        if reason is None
        else replace(integration, disabled_reason=DisabledReason(reason))
    )
