"""What each route asks of who calls it: the one table. A route that is not in it is not served.

But for `/api/openapi.json`, which describes the API to whoever asks, and `/metrics`, which knows no users.
"""

from collections.abc import Iterable, Mapping
from enum import Enum

from fastapi import APIRouter
from fastapi.routing import APIRoute

from mailmine.access.permissions import GlobalPermission, Permission


class Open(Enum):
    """Routes that ask for no permission."""

    TO_ALL = "to all"
    TO_USERS = "to users"
    """Whoever has a token; he is shown what exists for him."""


Right = Permission | tuple[Permission, ...] | GlobalPermission | Open
"""In a project, one permission or all of some; in the whole installation; or none."""

_CONSUME = (Permission.STREAMS_CONSUME, Permission.LABELS_READ)
_READ = (*_CONSUME, Permission.SOURCES_READ)
_NOTE = (Permission.STREAMS_CONSUME, Permission.SOURCES_READ)

_STREAMS: tuple[tuple[str, str, Right], ...] = (
    ("GET", "", Permission.STREAMS_READ),
    ("PUT", "", (Permission.STREAMS_ADMIN, Permission.LABELS_READ)),
    ("GET", "/{stream}", Permission.STREAMS_READ),
    ("POST", "/{stream}", Permission.STREAMS_ADMIN),
    ("DELETE", "/{stream}", Permission.STREAMS_ADMIN),
    ("GET", "/{stream}/results", _READ),
    ("POST", "/{stream}/fetch", _READ),
    ("POST", "/{stream}/advance", _CONSUME),
    ("POST", "/{stream}/reset", _CONSUME),
    ("PUT", "/{stream}/exceptions", _NOTE),
    ("DELETE", "/{stream}/exceptions", _NOTE),
)

RIGHTS: Mapping[str, Right] = {
    "GET /health": Open.TO_ALL,
    "GET /healthz": Open.TO_ALL,
    "GET /readyz": Open.TO_ALL,
    "GET /auth/user": Open.TO_USERS,
    "POST /auth/refresh-user-permissions": Open.TO_USERS,
    "GET /api/v1/users": Permission.USERS_READ,
    "GET /api/_private/users": Permission.USERS_READ,
    "PUT /api/_private/users": Permission.USERS_WRITE,
    "GET /api/_private/users/{user_id}": Permission.USERS_READ,
    "POST /api/_private/users/{user_id}": Permission.USERS_WRITE,
    "DELETE /api/_private/users/{user_id}": Permission.USERS_WRITE,
    "POST /api/_private/users/{user_id}/welcome-email": Permission.USERS_WRITE,
    "GET /api/_private/projects": Open.TO_USERS,
    "GET /api/_private/projects/{project}": Open.TO_USERS,
    "PUT /api/_private/projects/{project}": GlobalPermission.TENANT_ADMIN,
    "POST /api/_private/projects/{project}": GlobalPermission.TENANT_ADMIN,
    "DELETE /api/_private/projects/{project}": GlobalPermission.TENANT_ADMIN,
    "GET /api/_private/quotas": Open.TO_USERS,
    "GET /api/_private/quotas/{tenant}": Open.TO_USERS,
    "POST /api/_private/quotas/{tenant}/{kind}": GlobalPermission.TENANT_QUOTA_WRITE,
    "GET /api/_private/projects/{project}/quota": Open.TO_USERS,
    "POST /api/_private/projects/{project}/quota": GlobalPermission.TENANT_QUOTA_WRITE,
    "GET /api/_private/buckets/{bucket:address}/quota": Permission.BUCKETS_READ,
    "POST /api/_private/buckets/{bucket:address}/quota": Permission.BUCKETS_WRITE,
    "POST /api/v1/audit_events/query": GlobalPermission.TENANT_ADMIN,
    "GET /api/_private/buckets": Permission.BUCKETS_READ,
    "GET /api/_private/buckets/{bucket:address}": Permission.BUCKETS_READ,
    "GET /api/_private/buckets/{bucket:address}/statistics": Permission.BUCKETS_READ,
    "GET /api/_private/buckets/{bucket:address}/keyed-sync-states": Permission.BUCKETS_READ,
    "GET /api/_private/buckets/{bucket:address}/refine-anew": Permission.BUCKETS_READ,
    "POST /api/_private/buckets/{bucket:address}/refine-anew": Permission.BUCKETS_WRITE,
    "GET /api/_private/buckets/{project}": Permission.BUCKETS_READ,
    "PUT /api/_private/buckets/{bucket:address}": Permission.BUCKETS_WRITE,
    "POST /api/_private/buckets/{bucket:address}": Permission.BUCKETS_WRITE,
    "DELETE /api/_private/buckets/{bucket:address}": Permission.BUCKETS_WRITE,
    "POST /api/_private/buckets/{bucket:address}/keyed-sync-state-ids": Permission.BUCKETS_READ,
    "GET /api/_private/buckets/{bucket:address}/keyed-sync-state/{state_id}": Permission.BUCKETS_READ,
    "DELETE /api/_private/buckets/{bucket:address}/keyed-sync-state/{state_id}": Permission.BUCKETS_WRITE,
    "PUT /api/_private/buckets/{bucket:address}/emails": Permission.BUCKETS_APPEND,
    "POST /api/_private/buckets/{bucket:address}/emails": Permission.BUCKETS_READ,
    "GET /api/_private/buckets/{bucket:address}/emails": Permission.BUCKETS_READ,
    "GET /api/v1/sources": Permission.SOURCES_READ,
    "PUT /api/v1/sources/{source:address}": Permission.SOURCES_ADMIN,
    "POST /api/v1/sources/{source:address}": Permission.SOURCES_ADMIN,
    "DELETE /api/v1/sources/{source:address}": Permission.SOURCES_ADMIN,
    "POST /api/v1/sources/{source:address}/statistics": Permission.SOURCES_READ,
    "POST /api/v1/sources/{source:address}/sync": Permission.SOURCES_ADD_COMMENTS,
    "POST /api/v1/sources/{source:address}/sync-raw-emails": Permission.SOURCES_ADD_COMMENTS,
    "PUT /api/_private/sources/{source:address}/comments": Permission.SOURCES_ADD_COMMENTS,
    "DELETE /api/v1/sources/{source:address}/comments": Permission.SOURCES_ADD_COMMENTS,
    "PUT /api/_private/sources/{source:address}/comments/{comment_id}/attachments/{index}": (
        Permission.SOURCES_ADD_COMMENTS
    ),
    "GET /api/v1/sources/{source:address}": Permission.SOURCES_READ,
    "GET /api/v1/sources/{project}": Permission.SOURCES_READ,
    "GET /api/_private/sources/{source:address}/comments": Permission.SOURCES_READ,
    "GET /api/v1/sources/{source:address}/comments/{comment_id}": Permission.SOURCES_READ,
    "GET /api/v1/attachments/{reference}": Permission.SOURCES_READ,
    "GET /api/v1/datasets": Permission.LABELS_READ,
    "GET /api/v1/datasets/{dataset:address}": Permission.LABELS_READ,
    "GET /api/v1/datasets/{project}": Permission.LABELS_READ,
    "PUT /api/v1/datasets/{dataset:address}": Permission.DATASETS_ADMIN,
    "POST /api/v1/datasets/{dataset:address}": Permission.DATASETS_ADMIN,
    "DELETE /api/v1/datasets/{dataset:address}": Permission.DATASETS_ADMIN,
    "POST /api/_private/datasets/{dataset:address}/query": Permission.LABELS_READ,
    "POST /api/_private/datasets/{dataset:address}/recent": Permission.LABELS_READ,
    "POST /api/_private/datasets/{dataset:address}/statistics": Permission.LABELS_READ,
    "POST /api/_private/datasets/{dataset:address}/summary": Permission.LABELS_READ,
    "GET /api/_private/datasets/{dataset:address}/labellings": Permission.LABELS_READ,
    **{
        f"{method} /api/v1/datasets/{{dataset:address}}/{name}{path}": right
        for name in ("streams", "triggers")
        for method, path, right in _STREAMS
    },
    "PUT /api/_private/integrations/{integration:address}": Permission.INTEGRATIONS_WRITE,
    "POST /api/_private/integrations/{integration:address}": Permission.INTEGRATIONS_WRITE,
    "DELETE /api/_private/integrations/{integration:address}": Permission.INTEGRATIONS_WRITE,
    "POST /api/_private/integrations/{integration:address}/enable": Permission.INTEGRATIONS_WRITE,
    "GET /api/_private/integrations/{integration:address}/failed-items": (
        Permission.INTEGRATIONS_READ
    ),
    "POST /api/_private/integrations/{integration:address}/failed-items": (
        Permission.INTEGRATIONS_WRITE
    ),
    "GET /api/_private/integrations": Permission.INTEGRATIONS_READ,
    "GET /api/_private/integrations/{integration:address}": Permission.INTEGRATIONS_READ,
}


def named(router: APIRouter) -> Iterable[str]:
    """Name the routes of a router as the table does: `GET /path`."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            for method in sorted(route.methods or ()):
                yield f"{method} {route.path}"
