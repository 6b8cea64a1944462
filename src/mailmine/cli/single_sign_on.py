"""What the settings say of signing in by a provider, checked before anybody tries it.

docs/configuration.md describes it.
"""

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from mailmine.access.oidc import Registration, is_safe
from mailmine.access.permissions import GlobalPermission, Permission
from mailmine.access.roles import Role, Roles
from mailmine.access.secrets import Keyring
from mailmine.access.single_sign_on import SingleSignOn
from mailmine.cli.configuration_toml import Name, mistakes
from mailmine.cli.errors import Failed
from mailmine.cli.settings import Settings
from mailmine.sync.written_connection import Strict


class _Group(Strict):
    everywhere: list[GlobalPermission] = Field(default_factory=list)
    projects: dict[Name, list[Permission]] = Field(default_factory=dict)


class _Roles(Strict):
    groups: Annotated[dict[str, _Group], Field(min_length=1)]


def load(settings: Settings, keyring: Keyring) -> SingleSignOn | None:
    """Make ready to sign people in by the provider; None where none is set. Raises Failed."""
    found = registration(settings)
    return None if found is None else SingleSignOn(found, keyring)


def registration(settings: Settings) -> Registration | None:
    """Read what is set of the provider; None where nothing is. Raises Failed."""
    if not settings.oidc_issuer:
        if settings.oidc_client_id:
            raise Failed("MAILMINE_OIDC_CLIENT_ID is set, but MAILMINE_OIDC_ISSUER is not")
        return None
    if not is_safe(settings.oidc_issuer) or set(settings.oidc_issuer) & set("?# "):
        raise Failed(
            f"MAILMINE_OIDC_ISSUER is {settings.oidc_issuer!r}: it needs an address such as "
            "https://login.example.com/realms/main, with https and nothing behind its path"
        )
    if not settings.oidc_client_id:
        raise Failed("MAILMINE_OIDC_ISSUER is set, but MAILMINE_OIDC_CLIENT_ID is not")
    if "openid" not in settings.oidc_scopes.split():
        raise Failed("MAILMINE_OIDC_SCOPES needs openid among the scopes")
    return Registration(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=_secret(settings),
        scopes=settings.oidc_scopes,
        name=settings.oidc_name,
        username_claim=settings.oidc_username_claim,
        groups_claim=settings.oidc_groups_claim,
        roles=None if settings.oidc_roles is None else read_roles(settings.oidc_roles),
    )


def read_roles(path: Path) -> Roles:
    """Read what each group gives. Raises Failed."""
    try:
        file = _Roles.model_validate(tomllib.loads(_read(path, "MAILMINE_OIDC_ROLES")))
    except tomllib.TOMLDecodeError as error:
        raise Failed(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        raise Failed(f"{path}: {mistakes(error)}") from error
    return Roles(
        {
            name: Role(
                global_permissions=frozenset(group.everywhere),
                project_permissions={
                    project: frozenset(given) for project, given in group.projects.items()
                },
            )
            for name, group in file.groups.items()
        }
    )


def _secret(settings: Settings) -> str:
    given = settings.oidc_client_secret.get_secret_value()
    path = settings.oidc_client_secret_file
    if path is None:
        return given
    if given:
        raise Failed(
            "MAILMINE_OIDC_CLIENT_SECRET and MAILMINE_OIDC_CLIENT_SECRET_FILE are both set: set one"
        )
    secret = _read(path, "MAILMINE_OIDC_CLIENT_SECRET_FILE").strip()
    if not secret:
        raise Failed(f"MAILMINE_OIDC_CLIENT_SECRET_FILE: there is nothing in {path}")
    return secret


def _read(path: Path, variable: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Failed(f"{variable}: {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Failed(f"{variable}: {path} is not a text in UTF-8") from error
