"""Whether the process is alive, for whoever restarts it; and whether it can serve, for whoever sends it requests."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from mailmine.api.answers import ok
from mailmine.api.asking import services
from mailmine.api.errors import RETRY_AFTER, failure

router = APIRouter(tags=["health"])


@router.get("/health")
async def read(request: Request) -> Response:
    """Say that we are there; asks neither the database nor Exchange."""
    return ok(request)


@router.get("/healthz")
async def read_z(request: Request) -> Response:
    """Say that we are there, under the name that orchestrators look for."""
    return ok(request)


@router.get("/readyz")
async def ready(request: Request) -> Response:
    """Say whether requests can be served: the database is there with our schema, and contents can be kept.

    What was found out holds for some seconds.
    """
    reasons = await services(request).readiness.reasons()
    if not reasons:
        return ok(request)
    message = f"Not ready: {'; '.join(reasons)}."
    return failure(HTTPStatus.SERVICE_UNAVAILABLE, message, {"Retry-After": RETRY_AFTER})
