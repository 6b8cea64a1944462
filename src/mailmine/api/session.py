"""Who one is, to mailmine."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from mailmine.api.answers import ok
from mailmine.api.asking import Asker, Data
from mailmine.api.bodies import takes
from mailmine.api.errors import UnauthenticatedError
from mailmine.api.limits import Anything
from mailmine.api.users import json
from mailmine.store import users

router = APIRouter(tags=["session"])


@router.get("/auth/user")
def read(request: Request, asker: Asker, data: Data) -> Response:
    """Tell the user whose token this is, and what he may do."""
    with data.read() as tx:
        found = users.by_id(tx, asker.identity.user_id)
    if found is None:
        raise UnauthenticatedError("You are no user any more.")
    return ok(request, user=json(found))


@router.post("/auth/refresh-user-permissions")
def refresh(request: Request, wanted: Annotated[Anything, Depends(takes(Anything))]) -> Response:
    """Say that permissions are fresh: every request reads them anew."""
    del wanted
    return ok(request, permissions_refreshed=True)
