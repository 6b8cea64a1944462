from datetime import UTC, datetime

from mailmine.access.permissions import GlobalPermission, Identity, Permission, unknown
from mailmine.model.ids import UserId


def identity(*everywhere: str, **projects: set[str]) -> Identity:
    return Identity(
        user_id=UserId("0123456789abcdef"),
        username="ann",
        email="ann@example.com",
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
        global_permissions=frozenset(everywhere),
        project_permissions={name: frozenset(given) for name, given in projects.items()},
    )


def test_a_permission_counts_in_its_project_alone() -> None:
    ann = identity(sales={"sources-read"})

    assert ann.may(Permission.SOURCES_READ, "sales")
    assert not ann.may(Permission.SOURCES_READ, "finance")
    assert not ann.may(Permission.SOURCES_ADMIN, "sales")
    assert ann.may_anywhere(Permission.SOURCES_READ)
    assert not ann.may_anywhere(Permission.SOURCES_ADMIN)
    assert ann.sees("sales")
    assert not ann.sees("finance")


def test_root_may_do_everything_everywhere() -> None:
    root = identity("root")
    assert all(root.may(permission, "sales") for permission in Permission)
    assert root.sees("sales")


def test_an_administrator_of_projects_sees_them_but_not_what_is_in_them() -> None:
    admin = identity(GlobalPermission.TENANT_ADMIN)
    assert admin.sees("sales")
    assert not admin.may(Permission.SOURCES_READ, "sales")


def test_permissions_that_we_do_not_know_mean_nothing() -> None:
    ann = identity("omnipotence", sales={"teleport"})
    assert ann.sees("sales")
    assert not any(ann.may(permission, "sales") for permission in Permission)
    assert unknown({"teleport", "sources-read"}, Permission) == ("teleport",)


def test_a_project_without_permissions_is_not_seen() -> None:
    assert not identity(sales=set()).sees("sales")
