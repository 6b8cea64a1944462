"""How an integration's Exchange is reached and signed in to, as people write it: in TOML, or through the API."""

from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from mailmine.exchange import proxy
from mailmine.exchange.endpoints import ews_online, graph_of
from mailmine.model.integration import (
    AccessType,
    AuthType,
    Backend,
    Cloud,
    Connection,
    Timeouts,
    TlsVersion,
)
from mailmine.sync.configure import SecretSource

APPLICATION = (AuthType.CLIENT_SECRET, AuthType.CLIENT_CERTIFICATE)
OAUTH = (*APPLICATION, AuthType.SERVICE_USER)


_DEFAULT = Timeouts()


class Strict(BaseModel):
    """Knows all its keys: a misspelt one is an error."""

    model_config = ConfigDict(extra="forbid")


def _of_day(written: object) -> object:
    """Take a day for its beginning."""
    if isinstance(written, date) and not isinstance(written, datetime):
        return datetime.combine(written, time())
    return written


def _in_utc(at: datetime | None) -> datetime | None:
    """Take a time without a zone for one in UTC."""
    if at is None or at.tzinfo is None:
        return at and at.replace(tzinfo=UTC)
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is beyond the calendar") from error


class _Timeouts(Strict):
    pool: Annotated[float, Field(gt=0)] = _DEFAULT.pool
    connect: Annotated[float, Field(gt=0)] = _DEFAULT.connect
    write: Annotated[float, Field(gt=0)] = _DEFAULT.write
    read: Annotated[float, Field(gt=0)] = _DEFAULT.read


class WrittenConnection(Strict):
    """The keys of an integration that say how its Exchange is reached."""

    backend: Backend = Backend.EWS
    endpoint: Annotated[str, Field(pattern=r"^https?://\S+$")] | None = None
    auth: AuthType | None = None
    access: AccessType | None = None
    username: str = ""
    password: str | None = None
    password_env: str | None = None
    password_file: Path | None = None
    tenant: str = ""
    client_id: str = ""
    client_secret: str | None = None
    client_secret_env: str | None = None
    client_secret_file: Path | None = None
    certificate_env: str | None = None
    certificate_file: Path | None = None
    certificate_thumbprint: str = ""
    secret_ends: Annotated[datetime | None, BeforeValidator(_of_day), AfterValidator(_in_utc)] = (
        None
    )
    cloud: Cloud = Cloud.WORLDWIDE
    authority: Annotated[str, Field(pattern=r"^https?://\S+$")] | None = None
    ca_file: Path | None = None
    verify_tls: bool = True
    tls_minimum: TlsVersion = TlsVersion.TLS_1_2
    tls_ciphers: str | None = None
    tls_certificate_file: Path | None = None
    tls_key_file: Path | None = None
    plain_http: bool = False
    proxy: str | None = None
    proxy_password: str | None = None
    proxy_password_env: str | None = None
    proxy_password_file: Path | None = None
    timeouts: _Timeouts = _Timeouts()

    @property
    def _gives_proxy_password(self) -> bool:
        given = (self.proxy_password, self.proxy_password_env, self.proxy_password_file)
        return any(one is not None for one in given)

    @property
    def way(self) -> AuthType:
        """How it signs in: as it says, or as what it gives can be used."""
        if self.auth is not None:
            return self.auth
        if self.certificate_env or self.certificate_file:
            return AuthType.CLIENT_CERTIFICATE
        if self.client_secret or self.client_secret_env or self.client_secret_file:
            return AuthType.CLIENT_SECRET
        if self.backend is Backend.GRAPH:
            return AuthType.SERVICE_USER if self.username else AuthType.CLIENT_SECRET
        return AuthType.BASIC

    @model_validator(mode="after")
    def _is_whole(self) -> "WrittenConnection":
        """Say what is missing, or cannot go together."""
        way = self.way
        if self.backend is Backend.GRAPH and way not in OAUTH:
            raise ValueError(
                f"Microsoft Graph takes no auth = {way}: use client_secret, client_certificate or service_user"
            )
        if self.backend is Backend.GRAPH and self.access is AccessType.IMPERSONATION:
            raise ValueError(
                "access = impersonation belongs to EWS; Graph needs none: leave it out"
            )
        if self._gives_proxy_password and not proxy.split(self.proxy or "").username:
            raise ValueError("proxy_password needs the user in proxy: http://user@host:port")
        missing = [key for key in _NEEDED[way] if not getattr(self, key)]
        if missing:
            raise ValueError(f"auth = {way} needs {' and '.join(missing)}")
        if (
            way in APPLICATION
            and self.access is AccessType.DELEGATE
            and self.backend is Backend.EWS
        ):
            raise ValueError(
                "an application reads mailboxes by EWS only with access = impersonation: say so, or leave access out"
            )
        return self

    def connection(self, folder: Path) -> Connection:
        """Make the connection; paths are relative to `folder`."""

        def path(written: Path | None) -> str | None:
            return str((folder / written).resolve()) if written else None

        is_graph = self.backend is Backend.GRAPH
        default = ""  # Autodiscover finds it
        if is_graph:
            default = graph_of(self.cloud)
        elif self.way in OAUTH:
            default = ews_online(self.cloud)
        access = self.access or (
            AccessType.IMPERSONATION
            if self.way in APPLICATION and not is_graph
            else AccessType.DELEGATE
        )
        through = proxy.split(self.proxy or "")
        return Connection(
            endpoint=self.endpoint or default,
            backend=self.backend,
            auth=self.way,
            username=self.username,
            access=access,
            tenant_id=self.tenant,
            client_id=self.client_id,
            cloud=self.cloud,
            authority=self.authority,
            certificate_thumbprint=self.certificate_thumbprint.replace(":", ""),
            secret_ends=self.secret_ends,
            ca_file=path(self.ca_file),
            verify_tls=self.verify_tls,
            tls_minimum=self.tls_minimum,
            tls_ciphers=self.tls_ciphers,
            tls_certificate_file=path(self.tls_certificate_file),
            tls_key_file=path(self.tls_key_file),
            plain_http=self.plain_http,
            proxy=through.url or None,
            proxy_username=through.username,
            timeouts=Timeouts(**self.timeouts.model_dump()),
        )

    def secret(self, folder: Path) -> SecretSource:
        """Say where the secret is."""
        if self.way is AuthType.CLIENT_CERTIFICATE:
            value, environment, file = None, self.certificate_env, self.certificate_file
        elif self.way is AuthType.CLIENT_SECRET:
            value, environment = self.client_secret, self.client_secret_env
            file = self.client_secret_file
        else:
            value, environment, file = self.password, self.password_env, self.password_file
        return SecretSource(
            value=value, environment=environment, file=folder / file if file else None
        )

    def proxy_secret(self, folder: Path) -> SecretSource | None:
        """Say where the password of the proxy is; None where none is given. One within the URL counts last."""
        if not self._gives_proxy_password:
            written = proxy.split(self.proxy or "").password
            return None if written is None else SecretSource(value=written)
        file = self.proxy_password_file
        return SecretSource(
            value=self.proxy_password,
            environment=self.proxy_password_env,
            file=folder / file if file else None,
        )


_NEEDED: dict[AuthType, tuple[str, ...]] = {
    AuthType.BASIC: ("username",),
    AuthType.NTLM: ("username",),
    AuthType.NEGOTIATE: (),
    AuthType.CLIENT_SECRET: ("tenant", "client_id"),
    AuthType.CLIENT_CERTIFICATE: ("tenant", "client_id"),
    AuthType.SERVICE_USER: ("tenant", "client_id", "username"),
}
