"""mailmine's own configuration file: TOML, checked strictly, with a clear word for every mistake.

docs/configuration.md describes it.
"""

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError, field_validator, model_validator

from mailmine.model.integration import Filters
from mailmine.model.names import NAME
from mailmine.store.quotas import OwnQuota
from mailmine.sync.configure import (
    Configuration,
    ConfigurationError,
    IntegrationConfiguration,
    MailboxConfiguration,
    QuotaConfiguration,
)
from mailmine.sync.patience import Patience, Threshold
from mailmine.sync.quota import MEGABYTE
from mailmine.sync.written_connection import Strict, WrittenConnection

Name = Annotated[str, Field(pattern=f"^{NAME.pattern}$")]
Address = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=512)]


_A_MONTH = 31 * 24 * 60
_MOST = 2**53 - 1
"""The largest number that all clients of the API read exactly."""


class _Mailbox(Strict):
    address: Address
    bucket: Name
    source: Name | None = None
    start: datetime | None = None
    attachments: bool = False
    enabled: bool | None = None
    folders: list[str] = Field(default_factory=list)
    folders_except: list[str] = Field(default_factory=list)
    participants: list[str] = Field(default_factory=list)
    participants_except: list[str] = Field(default_factory=list)
    domains: list[str] = Field(default_factory=list)
    domains_except: list[str] = Field(default_factory=list)

    @field_validator("start")
    @classmethod
    def _in_utc(cls, start: datetime | None) -> datetime | None:
        return start if start is None or start.tzinfo else start.replace(tzinfo=UTC)


class _Integration(WrittenConnection):
    project: Name
    name: Name
    title: str = ""
    enabled: bool | None = None
    mailbox: list[_Mailbox] = Field(default_factory=list)


class _Threshold(Strict):
    times: Annotated[int, Field(ge=1, le=1_000)]
    minutes: Annotated[float, Field(ge=0, le=_A_MONTH)] = 0


class _Policy(Strict):
    retry_daily: bool = False
    thresholds: dict[str, _Threshold] = Field(default_factory=dict)


class _Quota(Strict):
    project: Name
    bucket: Name | None = None
    comments: Annotated[int, Field(ge=0, le=_MOST)] | None = None
    megabytes: Annotated[float, Field(ge=0, le=_MOST / MEGABYTE)] | None = None


class _File(Strict):
    integration: list[_Integration] = Field(default_factory=list)
    quota: list[_Quota] = Field(default_factory=list)
    policy: _Policy | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "_File":
        if not self.integration and not self.quota and self.policy is None:
            raise ValueError("there is no [[integration]], no [[quota]] and no [policy]")
        return self


def parse(text: str, path: Path) -> Configuration:
    """Read our configuration; paths in it are relative to the folder of `path`. Raises ConfigurationError."""
    try:
        file = _File.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        raise ConfigurationError(f"{path}: {mistakes(error)}") from error
    return Configuration(
        integrations=tuple(_integration(each, path.parent) for each in file.integration),
        quotas=tuple(_quota(each) for each in file.quota),
        patience=None if file.policy is None else _patience(file.policy),
    )


def _quota(written: _Quota) -> QuotaConfiguration:
    megabytes = written.megabytes
    return QuotaConfiguration(
        project=written.project,
        bucket=written.bucket,
        own=OwnQuota(
            comments=written.comments,
            bytes=None if megabytes is None else round(megabytes * MEGABYTE),
        ),
    )


def _patience(written: _Policy) -> Patience:
    return Patience(
        thresholds={
            reason: Threshold(tries=each.times, lasting=timedelta(minutes=each.minutes))
            for reason, each in written.thresholds.items()
        },
        retries_daily=written.retry_daily,
    )


def mistakes(error: ValidationError) -> str:
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
        connection=written.connection(folder),
        secret=written.secret(folder),
        proxy_secret=written.proxy_secret(folder),
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
