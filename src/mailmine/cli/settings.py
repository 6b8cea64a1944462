"""Where mailmine keeps its things and how it is reached: from the command line, the environment, or the defaults."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def _seconds(written: object) -> object:
    """Take a bare number for seconds; Pydantic knows the rest (PT30S, 00:00:30)."""
    try:
        return timedelta(seconds=float(written)) if isinstance(written, str) else written
    except (ValueError, OverflowError):
        return written


def _small(written: object) -> object:
    return written.strip().lower() if isinstance(written, str) else written


class Settings(BaseSettings):
    """Each may be set in the environment as MAILMINE_ and its name in capitals; one that is empty, or has spaces alone, is not set."""

    model_config = SettingsConfigDict(env_prefix="MAILMINE_", env_ignore_empty=True, extra="ignore")

    data: Path = Path("mailmine-data")
    """The folder that holds everything, unless `database` or `blobs` say otherwise."""
    database: str | None = None
    """URL of a database: `sqlite:///…` or `postgresql://…`. Default: SQLite in the data folder."""
    read_database: str | None = None
    """URL of a replica of the PostgreSQL in `database`, which answers lists, pages and search. Default: none."""
    blobs: str | None = None
    """Where attachments are kept: a folder, or `s3://bucket/prefix` and the like. Default: a folder in the data folder."""
    host: str = "127.0.0.1"
    port: int = Field(default=8450, ge=0, le=65535)
    root_path: str = ""
    """The path under which a proxy offers mailmine, e.g. `/org/tenant/reinfer_`."""
    poll_interval: Annotated[
        timedelta, BeforeValidator(_seconds), Field(ge=timedelta(seconds=1), le=timedelta(days=1))
    ] = timedelta(seconds=30)
    """How long an idle mailbox is left alone. In the environment: seconds, or ISO 8601 (PT30S)."""
    learn: bool = True
    """Whether signatures, legal notices and quotes are also told by what the emails of a bucket have in common."""
    log_level: Annotated[
        Literal["debug", "info", "warning", "error", "critical"], BeforeValidator(_small)
    ] = "info"
    metrics_token: SecretStr = SecretStr("")
    """What whoever asks for `/metrics` has to send; without one only this machine may ask."""
    oidc_issuer: str = ""
    """The provider by which people sign in to the pages; none by default (`single_sign_on` checks these)."""
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr = SecretStr("")
    oidc_client_secret_file: Path | None = None
    oidc_scopes: str = "openid profile email"
    oidc_groups_claim: str = "groups"
    oidc_username_claim: str = ""
    """Default: `preferred_username`, else `email`, else `sub`."""
    oidc_name: str = "Single sign-on"
    """What the button says."""
    oidc_roles: Path | None = None
    """A file that says what the provider's groups give."""

    public_url: str = ""
    """Where people reach the pages, for links: `https://mailmine.example.com`, with the path if there is one."""
    smtp_host: str = ""
    """The server that notifications are mailed by; none by default (`notifications` checks these)."""
    smtp_port: int | None = Field(default=None, ge=1, le=65535)
    """Default: 587, 465 or 25, as `smtp_tls` is."""
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_password_file: Path | None = None
    smtp_from: str = ""
    smtp_tls: str = "starttls"
    """`starttls`, `tls` or `none`."""
    notify: Path | None = None
    """A file that names channels of projects: webhooks, Teams, Slack and others."""

    @model_validator(mode="before")
    @classmethod
    def _without_what_nobody_sees(cls, given: dict[str, object]) -> dict[str, object]:
        """Take off spaces and line ends: a list of variables (`--env-file`) may have those of Windows."""
        seen = {
            name: value.strip() if isinstance(value, str) else value
            for name, value in given.items()
        }
        return {name: value for name, value in seen.items() if value != ""}

    @property
    def database_url(self) -> str:
        """The URL of the database that is meant."""
        if self.database is not None:
            return self.database
        file = str(self.data.resolve() / "mailmine.db")
        # The two that mean something in such an address; the rest of a path, also what is not UTF-8, stays as it is.
        return f"sqlite:///{file.replace('%', '%25').replace('?', '%3F')}"

    @property
    def blob_place(self) -> str:
        """The place of the blobs that is meant."""
        return self.blobs or str(self.data.resolve() / "blobs")
