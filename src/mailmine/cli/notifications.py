"""What the settings say of notifications, checked before anything is to be told.

docs/notifications.md describes it.
"""

import os
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError, model_validator

from mailmine.access.oidc import is_safe
from mailmine.cli.configuration_toml import Name, mistakes
from mailmine.cli.errors import Failed
from mailmine.cli.settings import Settings
from mailmine.model.notice import Topic
from mailmine.notify.channel import Channel, Channels
from mailmine.notify.chat import Chat
from mailmine.notify.decide import Room
from mailmine.notify.smtp import Security, Smtp
from mailmine.notify.webhook import Webhook
from mailmine.sync.written_connection import Strict


class _Kind(StrEnum):
    WEBHOOK = "webhook"
    TEAMS = "teams"
    SLACK = "slack"
    APPRISE = "apprise"


class _Channel(Strict):
    project: Name
    kind: _Kind
    name: Name | None = None
    url: Annotated[str, Field(min_length=1)] | None = None
    url_env: Annotated[str, Field(min_length=1)] | None = None
    secret_env: Annotated[str, Field(min_length=1)] | None = None
    topics: Annotated[list[Topic], Field(min_length=1)] = Field(default_factory=lambda: list(Topic))

    @model_validator(mode="after")
    def _is_whole(self) -> "_Channel":
        if (self.url is None) == (self.url_env is None):
            raise ValueError("give url or url_env, one of the two")
        if self.secret_env is not None and self.kind is not _Kind.WEBHOOK:
            raise ValueError("secret_env is for webhooks, which are signed with it")
        return self


class _File(Strict):
    channel: Annotated[list[_Channel], Field(min_length=1)]


def load(settings: Settings) -> Channels:
    """Make the channels that are set up. Raises Failed."""
    if settings.public_url and not settings.public_url.startswith(("https://", "http://")):
        raise Failed(
            f"MAILMINE_PUBLIC_URL is {settings.public_url!r}: it needs an address such as https://mailmine.example.com"
        )
    return Channels(
        email=_smtp(settings),
        rooms={} if settings.notify is None else _rooms(settings.notify),
    )


def _smtp(settings: Settings) -> Smtp | None:
    if not settings.smtp_host:
        if settings.smtp_from or settings.smtp_user:
            raise Failed(
                "MAILMINE_SMTP_FROM or MAILMINE_SMTP_USER is set, but MAILMINE_SMTP_HOST is not"
            )
        return None
    if "@" not in settings.smtp_from:
        raise Failed(
            "MAILMINE_SMTP_HOST is set: MAILMINE_SMTP_FROM needs the address that mailmine writes from"
        )
    try:
        security = Security(settings.smtp_tls)
    except ValueError:
        raise Failed(
            f"MAILMINE_SMTP_TLS is {settings.smtp_tls!r}: it is one of {', '.join(Security)}"
        ) from None
    return Smtp(
        host=settings.smtp_host,
        port=settings.smtp_port,
        user=settings.smtp_user,
        password=_password(settings),
        sender=settings.smtp_from,
        security=security,
    )


def _password(settings: Settings) -> str:
    given = settings.smtp_password.get_secret_value()
    if settings.smtp_password_file is None:
        return given
    if given:
        raise Failed("MAILMINE_SMTP_PASSWORD and MAILMINE_SMTP_PASSWORD_FILE are both set: set one")
    return _read(settings.smtp_password_file, "MAILMINE_SMTP_PASSWORD_FILE").strip()


def _rooms(path: Path) -> dict[str, tuple[Room, Channel]]:
    try:
        file = _File.model_validate(tomllib.loads(_read(path, "MAILMINE_NOTIFY")))
    except tomllib.TOMLDecodeError as error:
        raise Failed(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        raise Failed(f"{path}: {mistakes(error)}") from error
    rooms: dict[str, tuple[Room, Channel]] = {}
    for written in file.channel:
        name = f"{written.project}/{written.name or written.kind}"
        if name in rooms:
            raise Failed(f"{path}: there are two channels {name}: give each a name of its own")
        room = Room(name=name, project=written.project, topics=frozenset(written.topics))
        rooms[name] = room, _channel(written, f"{path}: channel {name}")
    return rooms


def _channel(written: _Channel, where: str) -> Channel:
    url = written.url or _variable(written.url_env or "", where)
    if written.kind is not _Kind.WEBHOOK:
        try:
            return Chat.of(url)
        except ValueError as error:
            raise Failed(f"{where}: {error}") from None
    if not is_safe(url):
        raise Failed(f"{where}: url needs https, or http to this machine")
    secret = "" if written.secret_env is None else _variable(written.secret_env, where)
    return Webhook(url=url, secret=secret)


def _variable(name: str, where: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise Failed(f"{where}: {name} is not set in the environment")
    return value


def _read(path: Path, variable: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Failed(f"{variable}: {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Failed(f"{variable}: {path} is not a text in UTF-8") from error
