"""Every route against everybody who might call it: the table in api/rights.py, tried out."""

from typing import Any

import pytest

from mailmine.access import tokens
from mailmine.access.permissions import GlobalPermission, Permission
from mailmine.api import app as api
from mailmine.api.app import GUARDED
from mailmine.api.rights import RIGHTS, Open, Right, named
from mailmine.api.watched import OPEN
from mailmine.store import batches, integrations, users
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from tests.integration.api.client import Client
from tests.integration.api.conftest import KEYRING, ClientOf
from tests.integration.api.town import NOON, Town, comment_id

GUARDED_ROUTES = sorted(name for name, right in RIGHTS.items() if right is not Open.TO_ALL)
PERMITTED = sorted(name for name in GUARDED_ROUTES if not isinstance(RIGHTS[name], Open))
LISTS = {
    "GET /api/_private/buckets": "buckets",
    "GET /api/v1/sources": "sources",
    "GET /api/v1/datasets": "datasets",
    "GET /api/_private/integrations": "integrations",
}
USERS = [name for name in PERMITTED if "/users" in name]
"""Users belong to several projects, and to none."""
INSIDE = [
    name
    for name in PERMITTED
    if name not in LISTS and name not in USERS and not isinstance(RIGHTS[name], GlobalPermission)
]
"""Routes into one project."""
READ = sorted(
    name
    for name in GUARDED_ROUTES
    if name.startswith("GET ") and name != "GET /api/v1/attachments/{reference}"
)

MULTIPART = (
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nabc\r\n--x--\r\n'
)
COMMENT = {
    "id": "ab",
    "timestamp": "2026-01-01T00:00:00Z",
    "messages": [{"body": {"text": "Hello"}}],
}
EMAIL = {
    "id": "<n@example.com>",
    "mailbox": "a@example.com",
    "timestamp": "2026-01-01T00:00:00Z",
    "mime_content": "Message-ID: <n@example.com>\n\nHello",
}
DOCUMENT = {
    "raw_email": {"headers": {"raw": "Message-ID: <d@example.com>"}, "body": {"plain": "Hi"}}
}
BOX = {"email": "b@example.com", "bucket_specification": {"project_name": "sales", "name": "inbox"}}
BODIES: dict[str, Any] = {
    "PUT /api/_private/users": {"user": {"username": "new", "email": "new@example.com"}},
    "POST /api/_private/users/{user_id}": {"user": {}},
    "PUT /api/_private/projects/{project}": {"project": {"title": "New"}, "user_ids": []},
    "POST /api/_private/projects/{project}": {"project": {"title": "New"}},
    "POST /api/_private/quotas/{tenant}/{kind}": {"hard_limit": 1000},
    "POST /api/_private/projects/{project}/quota": {"comments": 1000},
    "POST /api/_private/buckets/{bucket:address}/quota": {"bytes": 1_000_000_000},
    "PUT /api/_private/buckets/{bucket:address}": {"bucket": {"bucket_type": "emails"}},
    "POST /api/_private/buckets/{bucket:address}": {"bucket": {"title": "In"}},
    "POST /api/_private/buckets/{bucket:address}/keyed-sync-state-ids": {
        "mailbox_name": "orders@example.com"
    },
    "PUT /api/_private/buckets/{bucket:address}/emails": {"emails": [EMAIL]},
    "PUT /api/v1/sources/{source:address}": {"source": {"title": "New"}},
    "POST /api/v1/sources/{source:address}": {"source": {"title": "New"}},
    "POST /api/v1/sources/{source:address}/sync": {"comments": [COMMENT]},
    "POST /api/v1/sources/{source:address}/sync-raw-emails": {
        "documents": [DOCUMENT],
        "transform_tag": "generic.0.CONVKER5",
        "include_comments": True,
    },
    "PUT /api/_private/sources/{source:address}/comments": {"comments": [COMMENT]},
    "PUT /api/_private/sources/{source:address}/comments/{comment_id}/attachments/{index}": MULTIPART,
    "PUT /api/v1/datasets/{dataset:address}": {"dataset": {"source_ids": []}},
    "POST /api/v1/datasets/{dataset:address}": {"dataset": {"title": "New"}},
    "PUT /api/_private/integrations/{integration:address}": {"integration": {}},
    "POST /api/_private/integrations/{integration:address}": {"integration": {"title": "New"}},
    "POST /api/_private/integrations/{integration:address}/enable": {},
    "POST /api/_private/integrations/{integration:address}/failed-items": {
        "mailbox": "orders@example.com"
    },
    **{
        f"{method} /api/v1/datasets/{{dataset:address}}/{word}s{path}": body
        for word in ("stream", "trigger")
        for method, path, body in (
            ("PUT", "", {word: {"name": "newer"}}),
            ("POST", "/{stream}", {word: {"title": "New"}}),
            ("POST", "/{stream}/fetch", {"size": 4}),
            ("POST", "/{stream}/advance", {"sequence_id": batches.write({})}),
            ("POST", "/{stream}/reset", {"to_comment_created_at": "2020-06-03T16:05:00"}),
            (
                "PUT",
                "/{stream}/exceptions",
                {"exceptions": [{"uid": "a.b", "metadata": {"type": "No prediction"}}]},
            ),
        )
    },
}
"""What is sent where `{}` would not do."""
QUERIES = {
    "DELETE /api/v1/sources/{source:address}/comments": f"?id={comment_id(2)}",
    "GET /api/_private/buckets/{bucket:address}/emails": "?id=%3C0@example.com%3E",
    "DELETE /api/v1/datasets/{dataset:address}/streams/{stream}/exceptions": "?uid=a.b",
    "DELETE /api/v1/datasets/{dataset:address}/triggers/{stream}/exceptions": "?uid=a.b",
    "DELETE /api/_private/projects/{project}": "?force=true",
}
NEW = {
    "PUT /api/_private/projects/{project}",
    *(
        f"PUT {path}"
        for path in (
            "/api/_private/buckets/{bucket:address}",
            "/api/v1/sources/{source:address}",
            "/api/v1/datasets/{dataset:address}",
            "/api/_private/integrations/{integration:address}",
        )
    ),
}
"""Routes that make what their path names."""


def request(route: str, sales: Town, state: str = "0") -> tuple[str, str]:
    """Make a request of a route: for what is in sales."""
    method, path = route.split(" ")
    given = {
        "{project}": "sales",
        "{bucket:address}": "sales/inbox",
        "{source:address}": "sales/mail",
        "{dataset:address}": "sales/all",
        "{integration:address}": "sales/exchange",
        "{comment_id}": comment_id(1),
        "{index}": "0",
        "{reference}": sales.reference,
        "{stream}": "new",
        "{state_id}": state,
        "{user_id}": sales.clerk,
        "{tenant}": "mailmine",
        "{kind}": "sources",
    }
    fresh = {"address}": "sales/fresh", "{project}": "fresh"} if route in NEW else {}
    for name, value in given.items():
        path = path.replace(name, fresh.get(name.partition(":")[2] or name, value))
    return method, path + QUERIES.get(route, "")


async def ask(client: Client, route: str, target: tuple[str, str]) -> Any:
    """Send a request with the body that the route wants."""
    body = BODIES.get(route, {})
    if target[0] in {"GET", "DELETE"}:
        return await client.ask(*target)
    kind = {"content_type": "multipart/form-data; boundary=x"} if isinstance(body, bytes) else {}
    return await client.send(*target, body, **kind)


def words(right: Right) -> str:
    """Give what a refusal names."""
    return ", ".join(right) if isinstance(right, tuple) else str(right)


def test_the_table_is_the_routes() -> None:
    assert {name for router in (*OPEN, *GUARDED) for name in named(router)} == set(RIGHTS)
    assert {name for router in OPEN for name in named(router)} == {
        name for name, right in RIGHTS.items() if right is Open.TO_ALL
    }


async def test_health_asks_nobody(client_of: ClientOf) -> None:
    answer = await client_of(None).get("/health")
    assert (answer.status, answer.json) == (200, {"status": "ok"})


@pytest.mark.parametrize("route", GUARDED_ROUTES)
async def test_without_a_token(route: str, client_of: ClientOf, sales: Town) -> None:
    answer = await ask(client_of(None), route, request(route, sales))

    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "Authorization" in answer.json["message"]


@pytest.mark.parametrize("route", GUARDED_ROUTES)
async def test_with_a_wrong_token(route: str, client_of: ClientOf, sales: Town) -> None:
    someone = Client(client_of(None).app, "mailmine_wrong")
    answer = await ask(someone, route, request(route, sales))

    assert answer.status == 401
    assert "not valid" in answer.json["message"]


@pytest.mark.parametrize("route", PERMITTED)
@pytest.mark.parametrize("person", ["powerless", "clerk"])
async def test_without_the_permission(
    route: str, person: str, client_of: ClientOf, sales: Town
) -> None:
    answer = await ask(client_of(person), route, request(route, sales))

    assert answer.status == 403
    assert words(RIGHTS[route]) in answer.json["message"]


@pytest.mark.parametrize("route", INSIDE)
async def test_with_the_permission_in_another_project(
    route: str, client_of: ClientOf, sales: Town
) -> None:
    method, path = request(route, sales)
    answer = await ask(client_of("stranger"), route, (method, path))
    absent = await ask(client_of("stranger"), route, (method, path.replace("sales", "nowhere")))

    assert answer.status == absent.status == 404
    # Word for word the same: nobody learns what others have.
    assert answer.json["message"].replace("sales", "nowhere") == absent.json["message"]


@pytest.mark.parametrize("route", INSIDE)
async def test_with_the_permission_only_in_another_project_but_something_else_in_this(
    route: str, client_of: ClientOf, sales: Town
) -> None:
    answer = await ask(client_of("halfway"), route, request(route, sales))

    assert answer.status == 403
    assert f"{words(RIGHTS[route])} in the project sales" in answer.json["message"]


@pytest.mark.parametrize(("route", "field"), LISTS.items())
async def test_lists_show_the_own_projects(
    route: str, field: str, client_of: ClientOf, sales: Town
) -> None:
    owners = {}
    for person in ("reader", "stranger", "root"):
        answer = await client_of(person).ask(*request(route, sales))
        owners[person] = [one["owner"] for one in answer.json[field]]

    assert owners == {"reader": ["sales"], "stranger": ["finance"], "root": ["finance", "sales"]}


@pytest.mark.parametrize("route", READ)
@pytest.mark.parametrize("person", ["reader", "root"])
async def test_reading_with_the_permission(
    route: str, person: str, client_of: ClientOf, sales: Town
) -> None:
    state = await state_of(client_of("root"))
    answer = await ask(client_of(person), route, request(route, sales, state))
    assert answer.status == 200, answer.json


async def state_of(client: Client) -> str:
    """Find the id of a keyed sync state, as clients do."""
    path = "/api/_private/buckets/sales/inbox/keyed-sync-state-ids"
    answer = await client.post(path, {"mailbox_name": "orders@example.com"})
    found: str = answer.json["keyed_sync_state_ids"][0]
    return found


def token_of(database: Database, inside: frozenset[str], everywhere: frozenset[str]) -> str:
    """Let somebody come who has these permissions in sales, and in the installation."""
    with database.write() as tx:
        user = users.add(
            tx,
            username="newcomer",
            email="newcomer@example.com",
            password_hash=None,
            global_permissions=everywhere,
            project_permissions={"sales": inside},
        )
        return tokens.issue(tx, user, "test", at=NOON)


def needed(route: str) -> tuple[frozenset[str], frozenset[str]]:
    """Tell which permissions a route asks for: in a project, in the installation."""
    right = RIGHTS[route]
    if isinstance(right, GlobalPermission):
        return frozenset(), frozenset({right})
    if isinstance(right, Open):
        # Somebody to whom the project exists.
        return frozenset({Permission.FILES_WRITE}), frozenset()
    inside = frozenset(right if isinstance(right, tuple) else (right,))
    # Which bucket an integration fills is asked beside.
    return inside, frozenset()


@pytest.mark.parametrize("route", GUARDED_ROUTES)
async def test_its_permissions_alone_are_enough(
    route: str, fresh: tuple[Database, Blobs, Town]
) -> None:
    database, blobs, sales = fresh
    app = api.create(database, blobs, KEYRING, clock=lambda: NOON)
    state = await state_of(Client(app, sales.tokens["root"]))
    stranger = Client(app, token_of(database, *needed(route)))
    if route == "DELETE /api/_private/buckets/{bucket:address}":
        with database.write() as tx:
            for one in integrations.list_all(tx):
                integrations.remove(tx, one.id)
    answer = await ask(stranger, route, request(route, sales, state))
    if route.endswith("/welcome-email"):
        assert answer.status == 422
    else:
        assert answer.status == 200, answer.json
    # So its answer was held against its description, by the client.
    assert answer.route == route


@pytest.mark.parametrize("route", PERMITTED)
async def test_all_other_permissions_are_not(
    route: str, fresh: tuple[Database, Blobs, Town]
) -> None:
    database, blobs, sales = fresh
    app = api.create(database, blobs, KEYRING, clock=lambda: NOON)
    inside, everywhere = needed(route)
    others = frozenset(GlobalPermission) - everywhere - {GlobalPermission.ROOT}
    if inside:
        # Who administers projects sees them, and does nothing in them.
        others |= {GlobalPermission.TENANT_ADMIN}
    for lacking in sorted(inside) or [""]:
        given = frozenset(Permission) - {lacking}
        stranger = Client(app, token_of(database, given, others))
        answer = await ask(stranger, route, request(route, sales))
        assert answer.status == 403, answer.body
        with database.write() as tx:
            user = users.by_username(tx, "newcomer")
            assert user is not None
            users.remove(tx, user.id)


async def test_projects_are_those_in_which_one_may_do_something(client_of: ClientOf) -> None:
    seen = {}
    for person in ("root", "reader", "powerless"):
        answer = await client_of(person).get("/api/_private/projects")
        seen[person] = [one["name"] for one in answer.json["projects"]]
    assert seen == {"root": ["finance", "sales"], "reader": ["sales"], "powerless": []}

    assert (await client_of("stranger").get("/api/_private/projects/sales")).status == 404


@pytest.mark.parametrize("address", ["id:{}", "sales/{}"])
async def test_ids_of_others_do_not_exist_either(
    address: str, client_of: ClientOf, sales: Town
) -> None:
    source = f"/api/v1/sources/id:{sales.source}"
    assert (await client_of("reader").get(source)).status == 200
    assert (await client_of("stranger").get(source)).status == 404
    unknown = address.format("0123456789abcdef")
    assert (await client_of("reader").get(f"/api/v1/sources/{unknown}")).status == 404
