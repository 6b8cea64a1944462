"""What each route asks of who calls it: the one table. A route that is not in it is not served.

But for `/api/openapi.json`, which describes the API to whoever asks.
"""

from collections.abc import Iterable, Mapping
from enum import Enum

from fastapi import APIRouter
from fastapi.routing import APIRoute

from mailmine.access.permissions import Permission


class Open(Enum):
    """Routes that ask for no permission."""

    TO_ALL = "to all"
    TO_USERS = "to users"
    """Whoever has a token; he is shown what exists for him."""


Right = Permission | Open

RIGHTS: Mapping[str, Right] = {
    "GET /health": Open.TO_ALL,
    "GET /auth/user": Open.TO_USERS,
    "POST /auth/refresh-user-permissions": Open.TO_USERS,
    "GET /api/_private/projects": Open.TO_USERS,
    "GET /api/_private/projects/{project}": Open.TO_USERS,
    "GET /api/_private/buckets": Permission.BUCKETS_READ,
    "GET /api/_private/buckets/{bucket:address}": Permission.BUCKETS_READ,
    "GET /api/_private/buckets/{bucket:address}/statistics": Permission.BUCKETS_READ,
    "GET /api/_private/buckets/{bucket:address}/keyed-sync-states": Permission.BUCKETS_READ,
    "GET /api/v1/sources": Permission.SOURCES_READ,
    "GET /api/v1/sources/{source:address}": Permission.SOURCES_READ,
    "GET /api/v1/sources/{project}": Permission.SOURCES_READ,
    "GET /api/_private/sources/{source:address}/comments": Permission.SOURCES_READ,
    "GET /api/v1/sources/{source:address}/comments/{comment_id}": Permission.SOURCES_READ,
    "GET /api/v1/attachments/{reference}": Permission.SOURCES_READ,
    "GET /api/_private/integrations": Permission.INTEGRATIONS_READ,
    "GET /api/_private/integrations/{integration:address}": Permission.INTEGRATIONS_READ,
}


def named(router: APIRouter) -> Iterable[str]:
    """Name the routes of a router as the table does: `GET /path`."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            for method in sorted(route.methods or ()):
                yield f"{method} {route.path}"
