"""The form of an integration: from a connection to its fields, and from what was typed to a connection, or what is wrong.

Pure, but that files which are named must be there.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from mailmine.exchange import proxy
from mailmine.exchange.endpoints import ews_online, graph_of, is_ews_online
from mailmine.exchange.faults import Code, ExchangeError
from mailmine.exchange.http import refuse_plain_http
from mailmine.exchange.tls import make_context
from mailmine.model.integration import AccessType, AuthType, Backend, Cloud, Connection, Timeouts
from mailmine.sync import editing
from mailmine.sync.written_connection import APPLICATION, OAUTH, WrittenConnection
from mailmine.web.drafts import WHOLE, Values
from mailmine.web.forms import Sent
from mailmine.web.language import N_, _


class Kind(StrEnum):
    """What people know of their Exchange."""

    GRAPH = "graph"
    SERVER = "server"
    EWS_ONLINE = "ews_online"


TEXTS: Final = (
    "title", "kind", "auth", "username", "access", "tenant_id", "client_id", "cloud", "endpoint", "authority",
    "certificate_thumbprint", "secret_ends", "tls_minimum", "tls_ciphers", "ca_file", "tls_certificate_file",
    "tls_key_file", "proxy", "timeout_pool", "timeout_connect", "timeout_write", "timeout_read",
)  # fmt: skip
TICKS: Final = ("verify_tls", "plain_http")
FILES: Final = ("ca_file", "tls_certificate_file", "tls_key_file")
"""Files of the machine that mailmine runs on."""

SECRET_OF: Final = {
    AuthType.BASIC: "password",
    AuthType.NTLM: "password",
    AuthType.NEGOTIATE: "password",
    AuthType.SERVICE_USER: "password",
    AuthType.CLIENT_SECRET: "client_secret",
    AuthType.CLIENT_CERTIFICATE: "pem",
}
"""The field of the secret."""

NEEDED: Final[Mapping[AuthType, tuple[str, ...]]] = {
    AuthType.BASIC: ("username",),
    AuthType.NTLM: ("username",),
    AuthType.NEGOTIATE: (),
    AuthType.CLIENT_SECRET: ("tenant_id", "client_id"),
    AuthType.CLIENT_CERTIFICATE: ("tenant_id", "client_id"),
    AuthType.SERVICE_USER: ("tenant_id", "client_id", "username"),
}

MISSING: Final = {
    "username": N_("Fill in the account that reads the mailboxes."),
    "tenant_id": N_(
        "Fill in the tenant: its id, or one of its domains such as example.onmicrosoft.com."
    ),
    "client_id": N_("Fill in the application (client) id from Entra ID."),
    "password": N_("Fill in the password."),
    "client_secret": N_("Fill in the value of the client secret (not its id)."),
    "pem": N_("Paste the private key and the certificate."),
}

WRONG: Final = {
    "endpoint": N_(
        "Write the whole address, such as https://exchange.example.com/EWS/Exchange.asmx."
    ),
    "authority": N_("Write the whole address, such as https://login.microsoftonline.com."),
    "secret_ends": N_("Write the day as 2027-01-31."),
    "timeouts": N_("Write a number of seconds above 0."),
}

NO_PASSWORDS: Final = N_(
    "Exchange Online takes no plain user and password any more: "
    "choose a client secret, a certificate or a service user."
)
STAND_IN: Final = "https://missing.invalid"
AGAIN: Final = N_(
    "Type it again: what is kept was meant for the address before, and would now be sent to another."
)
BY_TLS: Final = {
    Code.CIPHERS_UNKNOWN: "tls_ciphers",
    Code.CA_FILE_UNREADABLE: "ca_file",
    Code.CLIENT_CERTIFICATE_UNREADABLE: "tls_certificate_file",
}

FIRST: Final = Connection(
    endpoint="", backend=Backend.GRAPH, auth=AuthType.CLIENT_SECRET, access=AccessType.DELEGATE
)
"""What the form of a new integration begins with."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a form says."""

    connection: Connection | None
    """None where something is wrong."""
    secret: str | None = field(default=None, repr=False)
    """None: nothing was filled in."""
    proxy_secret: str | None = field(default=None, repr=False)
    uses_kept: bool = False
    """Whether the secret that is kept is of the kind that is wanted now."""
    errors: Values = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is saved of an integration that is being changed."""

    connection: Connection
    has_secret: bool
    may_name_files: bool
    """Whether the visitor may say which files of this machine are used; else they stay as they are."""


NOTHING_KEPT: Final = Kept(Connection(endpoint=""), has_secret=False, may_name_files=False)


def kind_of(connection: Connection) -> Kind:
    """Tell which Exchange a connection is to."""
    if connection.backend is Backend.GRAPH:
        return Kind.GRAPH
    return Kind.EWS_ONLINE if is_ews_online(connection) else Kind.SERVER


def values_of(title: str, connection: Connection) -> dict[str, str]:
    """Write a connection into the fields."""
    kind = kind_of(connection)
    given_by_cloud = {
        Kind.GRAPH: graph_of(connection.cloud),
        Kind.EWS_ONLINE: ews_online(connection.cloud),
    }.get(kind)
    ends = connection.secret_ends
    return {
        "title": title,
        "kind": kind,
        "auth": connection.auth,
        "username": connection.username,
        "access": connection.access,
        "tenant_id": connection.tenant_id,
        "client_id": connection.client_id,
        "cloud": connection.cloud,
        "endpoint": "" if connection.endpoint == given_by_cloud else connection.endpoint,
        "authority": connection.authority or "",
        "certificate_thumbprint": connection.certificate_thumbprint,
        "secret_ends": f"{ends:%Y-%m-%d}" if ends else "",
        "tls_minimum": connection.tls_minimum,
        "tls_ciphers": connection.tls_ciphers or "",
        "proxy": proxy.shown(connection) or "",
        **{name: getattr(connection, name) or "" for name in FILES},
        **{name: "on" if getattr(connection, name) else "" for name in TICKS},
        **{
            f"timeout_{name}": f"{seconds:g}"
            for name, seconds in asdict(connection.timeouts).items()
        },
    }


def typed(sent: Sent, kept: Kept) -> dict[str, str]:
    """Take the fields out of what a browser sent; never a secret."""
    values = {name: sent.one(name) for name in TEXTS}
    values |= {name: "on" if sent.one(name) else "" for name in TICKS}
    # A password within the address is taken for one, and not shown again.
    through = proxy.split(values["proxy"])
    values["proxy"] = proxy.join(proxy.Proxy(through.url, through.username))
    if not kept.may_name_files:
        values |= {name: getattr(kept.connection, name) or "" for name in FILES}
    return values


def read(sent: Sent, values: Values, kept: Kept) -> Read:
    """Make a connection of the fields, or say what is wrong with each."""
    kind = _member(Kind, values["kind"])
    auth = _member(AuthType, values["auth"])
    if kind is None or auth is None:
        unchosen = {"kind": kind, "auth": auth}
        return Read(
            None, errors={name: _("Choose one.") for name in unchosen if not unchosen[name]}
        )
    if kind is not Kind.SERVER and auth not in OAUTH:
        return Read(None, errors={"auth": _(NO_PASSWORDS)})
    errors = {name: _(MISSING[name]) for name in NEEDED[auth] if not values[name]}
    if kind is Kind.SERVER and auth in OAUTH and not values["endpoint"]:
        errors["endpoint"] = _(WRONG["endpoint"])
    secret = sent.secret(SECRET_OF[auth]) or None
    proxy_secret = sent.secret("proxy_password") or proxy.split(sent.one("proxy")).password or None
    errors |= _wrong_secret(auth, secret, kept)
    try:
        # What is missing is said already; the rest is looked at all the same.
        whole = {**values, **dict.fromkeys(errors, STAND_IN)}
        written = WrittenConnection.model_validate(_written(kind, auth, whole))
    except ValidationError as error:
        found = {
            _field_of(place): _wrong(place, words)
            for place, words in editing.mistakes(error).items()
        }
        return Read(None, errors=found | errors)
    connection = written.connection(Path("/"))
    errors = _unusable(connection) | errors
    if secret is None and _is_kept_for_elsewhere(auth, connection, kept):
        errors[SECRET_OF[auth]] = _(AGAIN)
    if proxy_secret is not None and not connection.proxy_username:
        errors["proxy"] = _(
            "Name the user of the password too: http://user@proxy.example.com:3128."
        )
    return Read(
        None if errors else connection, secret, proxy_secret, _uses_kept(auth, kept), errors
    )


def _wrong(place: str, words: str) -> str:
    """Say what is wrong with a place, by words of our own where there are any."""
    ours = WRONG.get(place.partition(".")[0])
    return _(ours) if ours else words


def _uses_kept(auth: AuthType, kept: Kept) -> bool:
    return kept.has_secret and SECRET_OF[auth] == SECRET_OF[kept.connection.auth]


def _is_kept_for_elsewhere(auth: AuthType, connection: Connection, kept: Kept) -> bool:
    return _uses_kept(auth, kept) and editing.leads_elsewhere(connection, kept.connection)


def _written(kind: Kind, auth: AuthType, values: Values) -> dict[str, Any]:
    """Write the fields by the keys of a configuration; what is empty is left out."""
    named = {
        "username", "client_id", "cloud", "endpoint", "authority", "certificate_thumbprint", "secret_ends",
        "tls_minimum", "tls_ciphers", "proxy", *FILES,
    }  # fmt: skip
    if auth not in OAUTH:
        named -= {"client_id", "cloud", "authority"}
    if auth in APPLICATION:
        named -= {"username"}
    said: dict[str, Any] = {name: values[name] for name in named if values[name]}
    said |= {name: bool(values[name]) for name in TICKS}
    said |= {
        "backend": Backend.GRAPH if kind is Kind.GRAPH else Backend.EWS,
        "auth": auth,
        "tenant": values["tenant_id"] if auth in OAUTH else "",
        "timeouts": {
            name: values[f"timeout_{name}"]
            for name in asdict(Timeouts())
            if values[f"timeout_{name}"]
        },
    }
    if kind is Kind.SERVER and auth not in APPLICATION and values["access"]:
        said["access"] = values["access"]
    return said


def _wrong_secret(auth: AuthType, secret: str | None, kept: Kept) -> dict[str, str]:
    name = SECRET_OF[auth]
    if secret is None:
        return (
            {} if _uses_kept(auth, kept) or auth is AuthType.NEGOTIATE else {name: _(MISSING[name])}
        )
    if auth is AuthType.CLIENT_CERTIFICATE and "PRIVATE KEY-----" not in secret:
        return {
            name: _("There is no private key in it: paste the whole PEM text, key and certificate.")
        }
    return {}


def _unusable(connection: Connection) -> dict[str, str]:
    """Say what could not even be tried."""
    errors: dict[str, str] = {}
    try:
        make_context(connection)
    except ExchangeError as error:
        errors[BY_TLS.get(Code(error.fault.code), WHOLE)] = error.fault.message
    if connection.endpoint:
        try:
            refuse_plain_http(connection.endpoint, is_allowed=connection.plain_http)
        except ExchangeError as error:
            errors["endpoint"] = error.fault.message.replace(
                "say plain_http = true in the integration",
                _("tick “Without TLS, on this machine only” below"),
            )
    return errors


def _field_of(place: str) -> str:
    """Name the field of a mistake."""
    if place.startswith("timeouts."):
        return place.replace("timeouts.", "timeout_")
    return {"tenant": "tenant_id"}.get(place, place)


def _member(kind: type[Any], value: str) -> Any:
    return next((member for member in kind if member == value), None)


CLOUDS: Final = {
    Cloud.WORLDWIDE: N_("Worldwide (also GCC)"),
    Cloud.GCC_HIGH: N_("US Government, GCC High"),
    Cloud.DOD: N_("US Government, DoD"),
    Cloud.CHINA: N_("China, operated by 21Vianet"),
}
