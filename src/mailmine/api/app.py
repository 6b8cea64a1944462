"""The application."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from fastapi import Depends, FastAPI

import mailmine
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
    errors,
    failed_items,
    health,
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
from mailmine.api.asking import Services, asked, utc_now
from mailmine.api.readiness import Readiness
from mailmine.api.rights import RIGHTS, named
from mailmine.api.transport import Transport
from mailmine.exchange.check import check
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from mailmine.sync.enabling import TryOut
from mailmine.sync.refinery import Here, Refinery

OPEN = (health.router,)
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
    app = _bare(
        Services(
            database,
            blobs,
            keyring,
            refinery or Here(),
            clock,
            readiness,
            enabling.of(database, keyring, try_out=try_out, now=clock),
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


def create_watched(
    database: Database,
    blobs: Blobs,
    keyring: Keyring,
    *,
    clock: Callable[[], datetime] = utc_now,
    metrics_token: str = "",
) -> FastAPI:
    """Make what a process without the API answers: whether it lives, whether it can work, and what it did."""
    readiness = Readiness(database, blobs, clock)
    tries = enabling.of(database, keyring, try_out=check, now=clock)  # nobody can ask for it here
    app = _bare(Services(database, blobs, keyring, Here(), clock, readiness, tries, metrics_token))
    app.state.routers = (metrics.router, *OPEN)
    for router in app.state.routers:
        app.include_router(router)
    return app


def _bare(services: Services) -> FastAPI:
    app = FastAPI(
        title="mailmine",
        version=mailmine.__version__,
        # Described by `openapi`, shown by `docs`: the framework's own pages would load scripts of third parties.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # `mailmine.tracing` tells of requests. The framework would tell paths and words of exceptions, which hold mail.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.services = services
    errors.install(app)
    app.add_middleware(Transport)
    return app
