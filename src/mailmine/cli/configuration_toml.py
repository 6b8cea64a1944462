"""mailmine's own configuration file: TOML, checked strictly, with a clear word for every mistake.

docs/configuration.md describes it.
"""

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from mailmine.model.integration import AccessType, AuthType, Connection, Filters
from mailmine.sync.configure import (
    Configuration,
    ConfigurationError,
    IntegrationConfiguration,
    MailboxConfiguration,
    SecretSource,
)

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,256}$")]
Address = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=512)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Mailbox(_Strict):
    address: Address
    bucket: Name
    source: Name | None = None
    start: datetime | None = None
    attachments: bool = False
    enabled: bool | None = None
    folders: list[str] = []
    folders_except: list[str] = []
    participants: list[str] = []
    participants_except: list[str] = []
    domains: list[str] = []
    domains_except: list[str] = []

    @field_validator("start")
    @classmethod
    def _in_utc(cls, start: datetime | None) -> datetime | None:
        return start if start is None or start.tzinfo else start.replace(tzinfo=UTC)


class _Integration(_Strict):
    project: Name
    name: Name
    title: str = ""
    endpoint: Annotated[str, Field(pattern=r"^https?://\S+$")]
    username: str
    password: str | None = None
    password_env: str | None = None
    password_file: Path | None = None
    auth: AuthType = AuthType.BASIC
    access: AccessType = AccessType.DELEGATE
    ca_file: Path | None = None
    verify_tls: bool = True
    proxy: str | None = None
    enabled: bool | None = None
    mailbox: list[_Mailbox] = []


class _File(_Strict):
    integration: Annotated[list[_Integration], Field(min_length=1)]


def parse(text: str, path: Path) -> Configuration:
    """Read our configuration; paths in it are relative to the folder of `path`. Raises ConfigurationError."""
    try:
        file = _File.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        raise ConfigurationError(f"{path}: {_mistakes(error)}") from error
    return Configuration(
        integrations=tuple(_integration(each, path.parent) for each in file.integration)
    )


def _mistakes(error: ValidationError) -> str:
    """Name each mistake by its place; what was written is not repeated, since it may be a secret."""
    return "; ".join(
        f"{_place(mistake['loc'])}: {mistake['msg']}"
        for mistake in error.errors(include_url=False, include_input=False)
    )


def _place(location: tuple[int | str, ...]) -> str:
    """Write ("integration", 0, "mailbox", 1, "start") as "integration 1, mailbox 2, start"."""
    words: list[str] = []
    for step in location:
        if isinstance(step, int) and words:
            words[-1] += f" {step + 1}"
        else:
            words.append(str(step))
    return ", ".join(words)


def _integration(written: _Integration, folder: Path) -> IntegrationConfiguration:
    return IntegrationConfiguration(
        project=written.project,
        name=written.name,
        title=written.title or written.name,
        connection=Connection(
            endpoint=written.endpoint,
            auth=written.auth,
            username=written.username,
            access=written.access,
            ca_file=str((folder / written.ca_file).resolve()) if written.ca_file else None,
            verify_tls=written.verify_tls,
            proxy=written.proxy,
        ),
        secret=SecretSource(
            value=written.password,
            environment=written.password_env,
            file=folder / written.password_file if written.password_file else None,
        ),
        enabled=written.enabled,
        mailboxes=tuple(_mailbox(each, written.project) for each in written.mailbox),
    )


def _mailbox(written: _Mailbox, project: str) -> MailboxConfiguration:
    return MailboxConfiguration(
        address=written.address,
        project=project,
        bucket=written.bucket,
        source=written.source,
        enabled=written.enabled,
        start_at=written.start,
        filters=Filters(
            folder_allowlist=tuple(_path(folder) for folder in written.folders),
            folder_denylist=tuple(_path(folder) for folder in written.folders_except),
            participant_allowlist=tuple(written.participants),
            participant_denylist=tuple(written.participants_except),
            participant_domain_allowlist=tuple(written.domains),
            participant_domain_denylist=tuple(written.domains_except),
        ),
        sync_attachments=written.attachments,
    )


def _path(folder: str) -> tuple[str, ...]:
    """Read "Inbox/Orders" as a path, root first."""
    return tuple(part for part in folder.split("/") if part)
