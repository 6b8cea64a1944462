"""What every process answers: whether it lives, whether it can work, and what it did.

Apart from the rest of the API, which a worker never loads: it takes some megabytes of each.
"""

from collections.abc import Callable
from datetime import datetime

from fastapi import FastAPI

import mailmine
from mailmine.access.secrets import Keyring
from mailmine.api import errors, health, metrics
from mailmine.api.asking import Services, enabling_of, utc_now
from mailmine.api.readiness import Readiness
from mailmine.api.transport import Transport
from mailmine.exchange.check import check
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from mailmine.sync.refinery import Here

OPEN = (health.router,)


def create(
    database: Database,
    blobs: Blobs,
    keyring: Keyring,
    *,
    clock: Callable[[], datetime] = utc_now,
    metrics_token: str = "",
) -> FastAPI:
    """Make the application of a process that has no API."""
    readiness = Readiness(database, blobs, clock)
    tries = enabling_of(database, keyring, try_out=check, now=clock)  # nobody can ask for it here
    app = bare(Services(database, blobs, keyring, Here(), clock, readiness, tries, metrics_token))
    app.state.routers = (metrics.router, *OPEN)
    for router in app.state.routers:
        app.include_router(router)
    return app


def bare(services: Services) -> FastAPI:
    """Make an application without routes, with all that holds for each of them."""
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
