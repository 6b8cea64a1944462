"""The audit log: who changed what, and when. Newest first."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from msgspec import Meta, Struct
from sqlalchemy import Connection as Transaction

from mailmine.api import continuation
from mailmine.api.answers import ok
from mailmine.api.asking import Data
from mailmine.api.bodies import takes
from mailmine.api.uploads import utc
from mailmine.model.ids import UserId
from mailmine.model.wire import timestamp
from mailmine.store import datasets, events, projects, users
from mailmine.store.events import Event

router = APIRouter(prefix="/api/v1/audit_events", tags=["audit events"])

PAGE = 128
TENANT_ID = "0000000000000000"
"""An installation is one tenant."""
TENANT = "mailmine"


class Between(Struct, frozen=True):
    """Both bounds are inclusive."""

    minimum: datetime | None = None
    maximum: datetime | None = None


class EventFilter(Struct, frozen=True):
    """Which events."""

    timestamp: Between | None = None


class EventsQuery(Struct, frozen=True):
    """Which page of events."""

    filter: EventFilter = EventFilter()
    continuation: str | None = None
    limit: Annotated[int, Meta(ge=1, le=1_024)] = PAGE


@router.post("/query")
def query(
    request: Request, data: Data, wanted: Annotated[EventsQuery, Depends(takes(EventsQuery))]
) -> Response:
    """List events, and beside them whatever their ids stand for."""
    between = wanted.filter.timestamp or Between()
    with data.read() as tx:
        found = events.by_people(
            tx,
            before=continuation.read(wanted.continuation),
            limit=wanted.limit + 1,
            since=utc(between.minimum) if between.minimum else None,
            until=utc(between.maximum) if between.maximum else None,
        )
        shown = found[: wanted.limit]
        return ok(
            request,
            audit_events=[_event(one, _project_ids(tx)) for one in shown],
            continuation=continuation.write(shown[-1].id) if len(found) > wanted.limit else None,
            **_side_lists(tx, shown),
        )


def _project_ids(tx: Transaction) -> dict[str, str]:
    return {project.name: project.id for project in projects.list_all(tx)}


def _event(event: Event, project_ids: dict[str, str]) -> dict[str, object]:
    project = project_ids.get(str(event.detail.get("project", "")))
    return {
        "event_id": f"{event.id:016x}",
        "event_type": event.kind,
        "timestamp": timestamp(event.at),
        "actor_user_id": event.user_id,
        "actor_tenant_id": TENANT_ID,
        "tenant_ids": [TENANT_ID],
        "project_ids": [project] if project else [],
        "dataset_ids": [],
        "detail": event.detail,
    }


def _side_lists(tx: Transaction, shown: Iterable[Event]) -> dict[str, object]:
    """Say what the ids stand for: clients fail over one that is not resolved (section 2.1)."""
    known = {user.id: user for user in users.list_all(tx)}
    actors = {UserId(one.user_id) for one in shown if one.user_id}
    return {
        "tenants": [{"id": TENANT_ID, "name": TENANT}],
        "projects": [
            {"id": one.id, "name": one.name, "title": one.title, "tenant_id": TENANT_ID}
            for one in projects.list_all(tx)
        ],
        "datasets": [
            {"id": one.id, "name": one.name, "title": one.title, "project_id": one.project_id}
            for one in datasets.list_all(tx)
        ],
        "users": [
            {
                "id": user_id,
                "username": user.username if (user := known.get(user_id)) else "removed",
                "display_name": user.username if user else "a user who was removed",
                "email": user.email if user else "",
                "tenant_id": TENANT_ID,
            }
            for user_id in sorted(actors)
        ],
    }
