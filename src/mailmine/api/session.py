"""Who one is, to mailmine."""

from fastapi import APIRouter, Request, Response

from mailmine.access.permissions import Identity
from mailmine.api.answers import ok
from mailmine.api.asking import Asker
from mailmine.model.wire import timestamp

router = APIRouter(tags=["session"])


@router.get("/auth/user")
def read(request: Request, asker: Asker) -> Response:
    """Tell the user whose token this is, and what he may do."""
    return ok(request, user=_json(asker.identity))


@router.post("/auth/refresh-user-permissions")
def refresh(request: Request) -> Response:
    """Say that permissions are fresh: every request reads them anew."""
    return ok(request, permissions_refreshed=True)


def _json(user: Identity) -> dict[str, object]:
    return {
        "id": user.user_id,
        "username": user.username,
        "email": user.email,
        "created": timestamp(user.created_at),
        "global_permissions": sorted(user.global_permissions),
        "organisation_permissions": {
            project: sorted(given) for project, given in user.project_permissions.items()
        },
        "sso_global_permissions": [],
        "verified": True,
    }
