"""Whether the process is alive: for whoever restarts it when it is not."""

from fastapi import APIRouter, Request, Response

from mailmine.api.answers import ok

router = APIRouter(tags=["health"])


@router.get("/health")
async def read(request: Request) -> Response:
    """Say that we are there; asks neither the database nor Exchange."""
    return ok(request)
