"""Every route against everybody who might call it: the table in api/rights.py, tried out."""

import pytest

from mailmine.access.permissions import Permission
from mailmine.api.app import GUARDED, OPEN
from mailmine.api.rights import RIGHTS, Open, named
from tests.integration.api.client import Client
from tests.integration.api.conftest import ClientOf
from tests.integration.api.town import Town, comment_id

GUARDED_ROUTES = sorted(name for name, right in RIGHTS.items() if right is not Open.TO_ALL)
PERMITTED = sorted(name for name, right in RIGHTS.items() if isinstance(right, Permission))
LISTS = {
    "GET /api/_private/buckets": "buckets",
    "GET /api/v1/sources": "sources",
    "GET /api/_private/integrations": "integrations",
}
INSIDE = [name for name in PERMITTED if name not in LISTS]
"""Routes into one project."""


def request(route: str, sales: Town) -> tuple[str, str]:
    """Make a request of a route: for what is in sales."""
    method, path = route.split(" ")
    given = {
        "{project}": "sales",
        "{bucket:address}": "sales/inbox",
        "{source:address}": "sales/mail",
        "{integration:address}": "sales/exchange",
        "{comment_id}": comment_id(1),
        "{reference}": sales.reference,
    }
    for name, value in given.items():
        path = path.replace(name, value)
    return method, path


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
    answer = await client_of(None).ask(*request(route, sales))

    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "Authorization" in answer.json["message"]


@pytest.mark.parametrize("route", GUARDED_ROUTES)
async def test_with_a_wrong_token(route: str, client_of: ClientOf, sales: Town) -> None:
    someone = Client(client_of(None).app, "mailmine_wrong")
    answer = await someone.ask(*request(route, sales))

    assert answer.status == 401
    assert "not valid" in answer.json["message"]


@pytest.mark.parametrize("route", PERMITTED)
@pytest.mark.parametrize("person", ["powerless", "clerk"])
async def test_without_the_permission(
    route: str, person: str, client_of: ClientOf, sales: Town
) -> None:
    answer = await client_of(person).ask(*request(route, sales))

    assert answer.status == 403
    assert str(RIGHTS[route]) in answer.json["message"]


@pytest.mark.parametrize("route", INSIDE)
async def test_with_the_permission_in_another_project(
    route: str, client_of: ClientOf, sales: Town
) -> None:
    method, path = request(route, sales)
    answer = await client_of("stranger").ask(method, path)
    absent = await client_of("stranger").ask(method, path.replace("sales", "nowhere"))

    assert answer.status == absent.status == 404
    # Word for word the same: nobody learns what others have.
    assert answer.json["message"].replace("sales", "nowhere") == absent.json["message"]


@pytest.mark.parametrize("route", INSIDE)
async def test_with_the_permission_only_in_another_project_but_something_else_in_this(
    route: str, client_of: ClientOf, sales: Town
) -> None:
    answer = await client_of("halfway").ask(*request(route, sales))

    assert answer.status == 403
    assert f"{RIGHTS[route]} in the project sales" in answer.json["message"]


@pytest.mark.parametrize(("route", "field"), LISTS.items())
async def test_lists_show_the_own_projects(
    route: str, field: str, client_of: ClientOf, sales: Town
) -> None:
    owners = {}
    for person in ("reader", "stranger", "root"):
        answer = await client_of(person).ask(*request(route, sales))
        owners[person] = [one["owner"] for one in answer.json[field]]

    assert owners == {"reader": ["sales"], "stranger": ["finance"], "root": ["finance", "sales"]}


@pytest.mark.parametrize("route", GUARDED_ROUTES)
@pytest.mark.parametrize("person", ["reader", "root"])
async def test_with_the_permission(
    route: str, person: str, client_of: ClientOf, sales: Town
) -> None:
    answer = await client_of(person).ask(*request(route, sales))
    assert answer.status == 200


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
