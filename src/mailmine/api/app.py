"""The application."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from fastapi import Depends, FastAPI

from mailmine.access.secrets import Keyring
from mailmine.api import (
    attachments,
    audit_events,
    buckets,
    comments,
    datasets,
    docs,
    emails,
    enabling,
    failed_items,
    integrations,
    metrics,
    openapi,
    own_quotas,
    projects,
    quotas,
    session,
    sources,
    streams,
    users,
)
from mailmine.api.asking import Services, asked, enabling_of, utc_now
from mailmine.api.readiness import Readiness
from mailmine.api.rights import RIGHTS, named
from mailmine.api.watched import OPEN, bare
from mailmine.exchange.check import check
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from mailmine.sync.enabling import TryOut
from mailmine.sync.refinery import Here, Refinery

GUARDED = (
    # Routes are tried one after the other: first what is asked all the time.
    comments.often,
    comments.router,
    streams.router,
    session.router,
    users.router,
    projects.router,
    own_quotas.router,
    buckets.router,
    emails.router,
    sources.router,
    attachments.router,
    datasets.router,
    enabling.router,
    integrations.router,
    failed_items.router,
    quotas.router,
    audit_events.router,
)
PREFIXES = ("/api", "/auth", "/health", "/healthz", "/readyz", "/metrics")
"""The paths that are ours; whatever is served beside us may have all others."""


def describe() -> dict[str, Any]:
    """Describe the API (OpenAPI 3.1), without a database."""
    return openapi.document((*OPEN, *GUARDED))


def create(
    database: Database,
    blobs: Blobs,
    keyring: Keyring,
    *,
    refinery: Refinery | None = None,
    clock: Callable[[], datetime] = utc_now,
    metrics_token: str = "",
    try_out: TryOut = check,
    learns: bool = True,
) -> FastAPI:
    """Make the application. Where clients see it under a path prefix, it is mounted there.

    `refinery` refines what clients upload; without, that is done in this process. Without a `metrics_token` metrics are
    for this machine alone. `try_out` tries what trouble stopped before it is switched on. `learns`: whether emails are also
    refined by what those of their bucket have in common.
    """
    readiness = Readiness(database, blobs, clock)
    app = bare(
        Services(
            database,
            blobs,
            keyring,
            refinery or Here(),
            clock,
            readiness,
            enabling_of(database, keyring, try_out=try_out, now=clock),
            metrics_token,
            learns=learns,
        )
    )
    app.state.describe = describe
    for router in GUARDED:
        # Not left to the endpoints: a route cannot forget to ask who calls it.
        app.include_router(router, dependencies=[Depends(asked)])
    for router in (docs.router, metrics.router, *OPEN):
        app.include_router(router)
    app.state.routers = (*GUARDED, docs.router, metrics.router, *OPEN)
    missing = {name for router in (*OPEN, *GUARDED) for name in named(router)} - set(RIGHTS)
    if missing:
        raise LookupError(f"These routes are not in api/rights.py: {sorted(missing)}")
    return app
