"""The configuration of the vendor's self-hosted Exchange Sync App (Communications Mining, section 5.2), taken as it is."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mailmine.exchange.endpoints import ews_online, graph_of
from mailmine.model.integration import AccessType, AuthType, Backend, Cloud, Connection
from mailmine.sync.configure import (
    Configuration,
    ConfigurationError,
    IntegrationConfiguration,
    MailboxConfiguration,
    SecretSource,
)

SECRET_VARIABLE = "REINFER_EWS_AUTH_PASS"  # noqa: S105
"""Where that app takes the password from (section 5.2, recollected)."""

KNOWN = {
    "microsoft_api",
    "ews_endpoint",
    "host",
    "port",
    "auth_type",
    "auth_user",
    "auth_password",
    "auth_password_file",
    "auth_oauth_authority",
    "auth_oauth_client_id",
    "auth_oauth_client_secret",
    "auth_oauth_client_credential_private_key",
    "access_type",
    "auth_oauth_client_credential_thumbprint",
    "graph_endpoint",
    "plain_http",
    "mailboxes",
}
KNOWN_OF_MAILBOX = {"bucket", "start_from", "start_timestamp"}


def parse(text: str, path: Path) -> tuple[Configuration, tuple[str, ...]]:
    """Read the vendor's configuration; gives it with a warning for each key that means nothing to us.

    The mailboxes may belong to several projects; the integration is made in the first one's. Raises
    ConfigurationError.
    """
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigurationError(f"{path} is not JSON: {error}") from error
    if not isinstance(data, dict) or not isinstance(data.get("mailboxes"), dict):
        raise ConfigurationError(
            f"{path} is no configuration of the Exchange Sync App: it has no object `mailboxes`"
        )
    mailboxes = tuple(
        _mailbox(address, given, path) for address, given in data["mailboxes"].items()
    )
    if not mailboxes:
        raise ConfigurationError(f"{path}: `mailboxes` is empty, so there is nothing to sync")
    integration = IntegrationConfiguration(
        project=mailboxes[0].project,
        name=_name(path),
        title=f"Exchange ({path.name})",
        connection=_connection(data, path),
        secret=_secret(data, path),
        mailboxes=mailboxes,
    )
    return Configuration(integrations=(integration,)), _warnings(data, path)


def _name(path: Path) -> str:
    """Name the integration after the file, so that taking it again changes the same one."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", path.stem)


def _connection(data: dict[str, Any], path: Path) -> Connection:
    is_graph = str(data.get("microsoft_api", "ews")).lower() == "graph"
    auth = _auth(data, path, is_graph=is_graph)
    usual = AccessType.DELEGATE
    if auth in (AuthType.CLIENT_SECRET, AuthType.CLIENT_CERTIFICATE) and not is_graph:
        usual = (
            AccessType.IMPERSONATION
        )  # an application has no mailbox of its own to be a delegate from
    access = AccessType(_one_of(data, "access_type", set(AccessType), usual, path))
    is_oauth = auth not in (AuthType.BASIC, AuthType.NTLM)
    authority, tenant = _authority(data, path) if is_oauth else (None, "")
    cloud = _CLOUDS.get(authority or "", Cloud.WORLDWIDE)
    if is_graph:
        endpoint = graph_of(cloud)
    elif is_oauth and "ews_endpoint" not in data and "host" not in data:
        endpoint = ews_online(cloud)
    else:
        endpoint = _endpoint(data, path)
    return Connection(
        endpoint=str(data.get("graph_endpoint") or endpoint),
        backend=Backend.GRAPH if is_graph else Backend.EWS,
        auth=auth,
        username=str(data.get("auth_user") or "") if is_oauth else _text(data, "auth_user", path),
        access=AccessType.DELEGATE if is_graph else access,
        tenant_id=tenant,
        client_id=_text(data, "auth_oauth_client_id", path) if is_oauth else "",
        cloud=cloud,
        authority=authority,
        certificate_thumbprint=str(data.get("auth_oauth_client_credential_thumbprint") or ""),
        plain_http=bool(data.get("plain_http")),
    )


_CLOUDS = {
    "https://login.microsoftonline.us": Cloud.GCC_HIGH,
    "https://login.chinacloudapi.cn": Cloud.CHINA,
    "https://login.partner.microsoftonline.cn": Cloud.CHINA,
}


def _auth(data: dict[str, Any], path: Path, *, is_graph: bool) -> AuthType:
    """Tell how it signs in: `oauth2` is with a secret, with a certificate, or by a user's password."""
    written = _one_of(
        data, "auth_type", {"basic", "ntlm", "oauth2"}, "oauth2" if is_graph else "basic", path
    )
    if written != "oauth2":
        if is_graph:
            raise ConfigurationError(
                f"{path}: auth_type is {written}; Microsoft Graph is signed in to by oauth2 alone"
            )
        return AuthType(written)
    if "auth_oauth_client_credential_private_key" in data:
        return AuthType.CLIENT_CERTIFICATE
    if "auth_oauth_client_secret" in data or "auth_user" not in data:
        return AuthType.CLIENT_SECRET
    return AuthType.SERVICE_USER


def _authority(data: dict[str, Any], path: Path) -> tuple[str, str]:
    """Take `https://login.microsoftonline.com/<tenant>/` apart."""
    written = urlsplit(_text(data, "auth_oauth_authority", path))
    tenant = written.path.strip("/").partition("/")[0]
    if not written.hostname or not tenant:
        raise ConfigurationError(
            f"{path}: auth_oauth_authority must end with the tenant, as https://login.microsoftonline.com/<tenant_id>/"
        )
    return f"{written.scheme}://{written.netloc}", tenant


def _endpoint(data: dict[str, Any], path: Path) -> str:
    if "ews_endpoint" in data:
        return _text(data, "ews_endpoint", path)
    if "host" not in data:
        raise ConfigurationError(
            f"{path} names no server: set ews_endpoint to the URL of Exchange, "
            "such as https://exchange.example.com/EWS/Exchange.asmx"
        )
    host = _text(data, "host", path).rstrip("/")
    port = data.get("port", 443)
    return f"{host if '://' in host else f'https://{host}'}:{port}/EWS/Exchange.asmx"


def _secret(data: dict[str, Any], path: Path) -> SecretSource:
    for key in ("auth_oauth_client_credential_private_key", "auth_oauth_client_secret"):
        if key in data:
            return SecretSource(value=_text(data, key, path))
    if "auth_password" in data:
        return SecretSource(value=_text(data, "auth_password", path))
    if "auth_password_file" in data:
        return SecretSource(file=path.parent / _text(data, "auth_password_file", path))
    return SecretSource(environment=SECRET_VARIABLE)


def _mailbox(address: str, given: object, path: Path) -> MailboxConfiguration:
    place = f"{path}: mailbox {address}"
    bucket = given.get("bucket") if isinstance(given, dict) else None
    if not isinstance(given, dict) or not isinstance(bucket, dict):
        raise ConfigurationError(f"{place}: has no object `bucket` with `owner` and `name`")
    owner, name = bucket.get("owner"), bucket.get("name")
    if not isinstance(owner, str) or not isinstance(name, str):
        raise ConfigurationError(f"{place}: `bucket` needs `owner` and `name`")
    return MailboxConfiguration(
        address=address,
        project=owner,
        bucket=name,
        start_at=_moment(given.get("start_timestamp"), place),
    )


def _moment(written: object, place: str) -> datetime | None:
    if written is None:
        return None
    try:
        moment = datetime.fromisoformat(str(written))
    except ValueError as error:
        raise ConfigurationError(
            f"{place}: start_timestamp {written} is no time such as 2024-01-31T00:00:00Z"
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _text(data: dict[str, Any], key: str, path: Path) -> str:
    if not isinstance(text := data.get(key), str) or not text.strip():
        raise ConfigurationError(f"{path}: {key} is missing, or no text")
    return text


def _one_of(data: dict[str, Any], key: str, known: set[str], default: str, path: Path) -> str:
    if (word := str(data.get(key, default)).lower()) not in known:
        raise ConfigurationError(f"{path}: {key} is {word}; it can be {' or '.join(sorted(known))}")
    return word


def _warnings(data: dict[str, Any], path: Path) -> tuple[str, ...]:
    unknown = [key for key in data if key not in KNOWN]
    unknown += [
        f"mailboxes.{address}.{key}"
        for address, given in data["mailboxes"].items()
        for key in given
        if key not in KNOWN_OF_MAILBOX
    ]
    return tuple(f"{path}: {key} means nothing to mailmine and was passed over" for key in unknown)
