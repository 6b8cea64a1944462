"""What the settings say of single sign-on, and what is wrong with it."""

from pathlib import Path

import pytest

from mailmine.access.roles import Role, Roles
from mailmine.cli import options, single_sign_on
from mailmine.cli.errors import Failed

ISSUER = "https://login.example.com/realms/main"
ROLES = """
[groups."mail-admins"]
everywhere = ["root"]

[groups."support-team"]
projects.support = ["sources-read", "streams-read"]
projects.sales = []
"""


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in {"ISSUER": ISSUER, "CLIENT_ID": "mailmine"}.items():
        monkeypatch.setenv(f"MAILMINE_OIDC_{name}", value)
    return monkeypatch


def refused(*words: str) -> None:
    with pytest.raises(Failed) as raised:
        single_sign_on.registration(options.settings())
    for word in words:
        assert word in str(raised.value)


def test_there_is_none_by_default() -> None:
    assert single_sign_on.registration(options.settings()) is None


@pytest.mark.usefixtures("given")
def test_an_issuer_and_a_client_are_enough() -> None:
    found = single_sign_on.registration(options.settings())
    assert found is not None
    assert (found.issuer, found.client_id, found.client_secret) == (ISSUER, "mailmine", "")
    assert found.scopes == "openid profile email"
    assert found.groups_claim == "groups"
    assert found.name == "Single sign-on"
    assert found.roles is None


def test_a_secret_is_not_shown(given: pytest.MonkeyPatch) -> None:
    given.setenv("MAILMINE_OIDC_CLIENT_SECRET", "hush hush")
    settings = options.settings()
    found = single_sign_on.registration(settings)
    assert found is not None
    assert found.client_secret == "hush hush"
    assert "hush" not in f"{settings!r}{found!r}"


def test_a_secret_may_stand_in_a_file(given: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    given.setenv("MAILMINE_OIDC_CLIENT_SECRET_FILE", str(file))
    refused("CLIENT_SECRET_FILE", str(file), "cannot be read")
    file.write_text("\n")
    refused("CLIENT_SECRET_FILE", "nothing in")
    file.write_text("hush hush\n")
    found = single_sign_on.registration(options.settings())
    assert found is not None
    assert found.client_secret == "hush hush"
    given.setenv("MAILMINE_OIDC_CLIENT_SECRET", "another")
    refused("both set")


@pytest.mark.parametrize(
    "issuer",
    [
        "login.example.com",
        "http://login.example.com",
        "https://",
        "https://a.example/?x=1",
        "ftp://a",
        "https://[",
        "https://a.example/ b",
    ],
)
def test_an_issuer_is_an_address_with_https(given: pytest.MonkeyPatch, issuer: str) -> None:
    given.setenv("MAILMINE_OIDC_ISSUER", issuer)
    refused("MAILMINE_OIDC_ISSUER", "https")


@pytest.mark.parametrize("issuer", ["http://localhost:8080", "http://127.0.0.1", "http://[::1]:1"])
def test_a_provider_on_this_machine_needs_no_https(given: pytest.MonkeyPatch, issuer: str) -> None:
    given.setenv("MAILMINE_OIDC_ISSUER", issuer)
    assert single_sign_on.registration(options.settings()) is not None


def test_what_is_missing_is_named(given: pytest.MonkeyPatch) -> None:
    given.delenv("MAILMINE_OIDC_CLIENT_ID")
    refused("MAILMINE_OIDC_CLIENT_ID is not")
    given.setenv("MAILMINE_OIDC_CLIENT_ID", "mailmine")
    given.setenv("MAILMINE_OIDC_SCOPES", "profile")
    refused("MAILMINE_OIDC_SCOPES needs openid")
    given.delenv("MAILMINE_OIDC_ISSUER")
    refused("MAILMINE_OIDC_ISSUER is not")


def test_groups_give_what_the_file_says(given: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "roles.toml"
    given.setenv("MAILMINE_OIDC_ROLES", str(file))
    refused("MAILMINE_OIDC_ROLES", str(file))
    file.write_text(ROLES)
    found = single_sign_on.registration(options.settings())
    assert found is not None
    assert found.roles is not None
    assert found.roles.of(["support-team", "unknown"]) == Role(
        project_permissions={
            "support": frozenset({"sources-read", "streams-read"}),
            "sales": frozenset(),
        }
    )
    assert found.roles.of(["mail-admins"]).global_permissions == {"root"}
    assert found.roles.of(["Mail-Admins"]) == Role()


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("", ["groups"]),
        ("[groups]", ["groups"]),
        ("[groups", ["is not TOML"]),
        ("[groups.a]\neverywhere = 'root'", ["groups, a, everywhere"]),
        ("[groups.a]\neverywhere = ['rot']", ["groups, a, everywhere 1", "'root'"]),
        (
            "[groups.a]\nprojects.b = ['voc', 'sources-raed']",
            ["groups, a, projects, b 2", "'sources-read'"],
        ),
        ("[groups.a]\nprojects.'b c' = ['voc']", ["groups, a, projects, b c"]),
        ("[groups.a]\nproject.b = ['voc']", ["groups, a, project: Extra inputs"]),
        ("[group.a]\neverywhere = ['root']", ["group: Extra inputs"]),
    ],
)
def test_a_mistake_in_the_roles_is_named_by_its_place(
    given: pytest.MonkeyPatch, tmp_path: Path, written: str, words: list[str]
) -> None:
    file = tmp_path / "roles.toml"
    file.write_text(written)
    given.setenv("MAILMINE_OIDC_ROLES", str(file))
    refused(str(file), *words)


def test_the_permissions_of_several_groups_add_up() -> None:
    roles = Roles(
        {
            "a": Role(project_permissions={"p": frozenset({"voc"})}),
            "b": Role(
                global_permissions=frozenset({"debug"}),
                project_permissions={"p": frozenset({"sources-read"}), "q": frozenset({"voc"})},
            ),
        }
    )
    assert roles.of(["a", "b", "a"]) == Role(
        global_permissions=frozenset({"debug"}),
        project_permissions={
            "p": frozenset({"voc", "sources-read"}),
            "q": frozenset({"voc"}),
        },
    )
