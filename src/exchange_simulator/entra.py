"""The token endpoint of Entra ID: who gets a token for what, and the words in which it is refused.

Client credentials with a secret or a certificate, user name and password (ROPC), refresh. Errors are those of
Microsoft's list of AADSTS codes. Tokens look like JWTs and are good for this server alone.
"""

import base64
import binascii
import hmac
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

if TYPE_CHECKING:
    from exchange_simulator.exchange import Exchange

SCOPES: Final = {
    "graph": (
        "https://graph.microsoft.com",
        "https://graph.microsoft.us",
        "https://dod-graph.microsoft.us",
        "https://microsoftgraph.chinacloudapi.cn",
    ),
    "outlook": (
        "https://outlook.office365.com",
        "https://outlook.office.com",
        "https://outlook.office365.us",
        "https://webmail.apps.mil",
        "https://partner.outlook.cn",
    ),
}
"""Hosts of the services that tokens are for; a server's own address counts for both."""


@dataclass(frozen=True)
class Identity:
    """Who a token stands for."""

    app_id: str
    tenant: str
    user: str | None
    """None: the application itself."""
    roles: frozenset[str]


@dataclass
class Application:
    """An application that is registered in a tenant."""

    app_id: str
    tenant: str
    secret: str
    certificate: bytes | None = None
    """PEM."""
    roles: frozenset[str] = frozenset({"Mail.Read", "full_access_as_app"})
    only: frozenset[str] | None = None
    """The mailboxes that it may read (RBAC for Applications); None = all."""
    secret_expires_at: datetime | None = None
    is_disabled: bool = False
    has_consent: bool = True


@dataclass
class Token:
    """A token that was given."""

    identity: Identity
    audience: str
    expires_at: datetime


@dataclass
class Tokens:
    """All tokens that were given."""

    access: dict[str, Token] = field(default_factory=dict)
    refresh: dict[str, Identity] = field(default_factory=dict)


class TokenError(Exception):
    """A token that is refused."""

    def __init__(self, code: int, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.code, self.error, self.description, self.status = code, error, description, status


def identity_of(exchange: "Exchange", authorization: str, *, audience: str) -> Identity | None:
    """Tell whom a bearer token stands for; None where it is not good (any more) for this audience."""
    scheme, _, text = authorization.partition(" ")
    token = exchange.tokens.access.get(text.strip())
    if scheme.lower() != "bearer" or token is None or exchange.now() >= token.expires_at:
        return None
    return token.identity if token.audience in (audience, "any") else None


def token(
    exchange: "Exchange", tenant: str, form: Mapping[str, str], authorization: str = ""
) -> tuple[int, dict[str, Any]]:
    """Answer a request for a token: the status and the JSON object."""
    try:
        return 200, _token(exchange, tenant, form, authorization)
    except TokenError as error:
        return error.status, _refusal(exchange, error)


def _refusal(exchange: "Exchange", error: TokenError) -> dict[str, Any]:
    correlation, trace = str(uuid.uuid4()), str(uuid.uuid4())
    stamp = exchange.now().strftime("%Y-%m-%d %H:%M:%SZ")
    return {
        "error": error.error,
        "error_description": f"AADSTS{error.code}: {error.description} Trace ID: {trace} "
        f"Correlation ID: {correlation} Timestamp: {stamp}",
        "error_codes": [error.code],
        "timestamp": stamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={error.code}",
    }


def _check_tenant(exchange: "Exchange", tenant: str) -> None:
    known = {app.tenant.lower() for app in exchange.applications.values()}
    if tenant.lower() not in known | {"common", "organizations"}:
        raise TokenError(90002, "invalid_request", f"Tenant '{tenant}' not found.")


def _token(
    exchange: "Exchange", tenant: str, form: Mapping[str, str], authorization: str
) -> dict[str, Any]:
    client_id, secret = form.get("client_id", ""), form.get("client_secret")
    if authorization.lower().startswith("basic "):
        try:
            client_id, _, secret = base64.b64decode(authorization[6:]).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            client_id = ""
    _check_tenant(exchange, tenant)
    app = exchange.applications.get(client_id)
    if app is None or app.tenant.lower() != tenant.lower():
        words = (
            f"Application with identifier '{client_id}' was not found in the directory '{tenant}'."
        )
        raise TokenError(700016, "unauthorized_client", words)
    if app.is_disabled:
        words = f"Application '{client_id}' is disabled."
        raise TokenError(7000112, "unauthorized_client", words, 401)
    grant = form.get("grant_type", "")
    audience = _audience(form.get("scope") or form.get("resource") or "")
    if grant == "client_credentials":
        _check_client(exchange, app, form, secret)
        return _given(exchange, Identity(client_id, tenant, None, app.roles), audience)
    if grant == "password":
        user = _check_user(exchange, app, form)
        identity = Identity(client_id, tenant, user, app.roles)
        return _given(exchange, identity, audience, with_refresh=True) | _who(
            exchange, identity, form
        )
    if grant == "refresh_token":
        known = exchange.tokens.refresh.get(form.get("refresh_token", ""))
        if known is None:
            words = "The refresh token has expired or is invalid."
            raise TokenError(70008, "invalid_grant", words)
        return _given(exchange, known, audience, with_refresh=True) | _who(exchange, known, form)
    raise TokenError(70003, "unsupported_grant_type", f"The grant type '{grant}' is not supported.")


def _audience(scope: str) -> str:
    """Tell which service a scope is of; a scope of another host is of the server that is simulated."""
    for name, hosts in SCOPES.items():
        if any(host in scope for host in hosts):
            return name
    return "any"


def _check_client(
    exchange: "Exchange", app: Application, form: Mapping[str, str], secret: str | None
) -> None:
    if not app.has_consent:
        words = "The user or administrator has not consented to use the application."
        raise TokenError(65001, "invalid_grant", words)
    if "client_assertion" in form:
        _check_assertion(exchange, app, form["client_assertion"])
        return
    if secret is None:
        words = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
        raise TokenError(7000218, "invalid_client", words, 401)
    if not hmac.compare_digest(secret.encode(), app.secret.encode()):
        words = (
            "Invalid client secret provided. Ensure the secret being sent in the request is the client "
            f"secret value, not the client secret ID, for a secret added to app '{app.app_id}'."
        )
        raise TokenError(7000215, "invalid_client", words, 401)
    if app.secret_expires_at is not None and exchange.now() >= app.secret_expires_at:
        words = f"The provided client secret keys for app '{app.app_id}' are expired."
        raise TokenError(7000222, "invalid_client", words, 401)


def _check_assertion(exchange: "Exchange", app: Application, assertion: str) -> None:
    """Check a signed statement (RFC 7523) by the certificate that was registered."""
    refused = TokenError(
        700027,
        "invalid_client",
        "The certificate with identifier used to sign the client assertion is not registered on application.",
        401,
    )
    if app.certificate is None:
        raise refused
    certificate = x509.load_pem_x509_certificate(app.certificate)
    try:
        head, body, signature = assertion.split(".")
        header = msgspec.json.decode(_unpadded(head))
        claims = msgspec.json.decode(_unpadded(body))
        named = header.get("x5t#S256") or header.get("x5t") or ""
        digest = hashes.SHA256() if "x5t#S256" in header else hashes.SHA1()  # noqa: S303 - the wire's own
        if _unpadded(named) != certificate.fingerprint(digest):
            raise refused
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise refused
        pad = (
            padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
            if header.get("alg") == "PS256"
            else padding.PKCS1v15()
        )
        key.verify(_unpadded(signature), f"{head}.{body}".encode(), pad, hashes.SHA256())
    except (ValueError, binascii.Error, msgspec.DecodeError, InvalidSignature) as error:
        raise refused from error
    if claims.get("iss") != app.app_id or claims.get("sub") != app.app_id:
        raise TokenError(
            700021, "invalid_client", "Client assertion application identifier mismatch.", 401
        )
    if float(claims.get("exp", 0)) <= exchange.now().timestamp():
        words = "Client assertion is not within its valid time range."
        raise TokenError(700024, "invalid_client", words, 401)
    if "/oauth2/" not in str(claims.get("aud", "")):
        raise TokenError(50027, "invalid_client", "Invalid JWT token: the audience is wrong.", 401)


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _check_user(exchange: "Exchange", app: Application, form: Mapping[str, str]) -> str:
    """Check the name and password of a user (ROPC)."""
    name, password = form.get("username", ""), form.get("password", "")
    account = exchange.find_account(name)
    if account is None:
        words = f"The user account {{EUII Hidden}} does not exist in the {app.tenant} directory."
        raise TokenError(50034, "invalid_grant", words)
    if account.is_locked:
        words = "The account is locked, you've tried to sign in too many times with an incorrect user ID or password."
        raise TokenError(50053, "invalid_grant", words)
    if not hmac.compare_digest(account.password.encode(), password.encode()):
        words = "Error validating credentials due to invalid username or password."
        raise TokenError(50126, "invalid_grant", words)
    if account.needs_second_factor:
        words = "You must use multi-factor authentication to access the resource."
        raise TokenError(50076, "interaction_required", words)
    if account.is_barred:
        words = "Access has been blocked by Conditional Access policies."
        raise TokenError(53003, "access_denied", words)
    return name


def _who(exchange: "Exchange", identity: Identity, form: Mapping[str, str]) -> dict[str, Any]:
    """Tell who signed in, where that is asked for: by it Microsoft's libraries find the tokens that they keep."""
    said: dict[str, Any] = {}
    user = identity.user or ""
    uid, tenant = (str(uuid.uuid5(uuid.NAMESPACE_DNS, name)) for name in (user, identity.tenant))
    if form.get("client_info") == "1":
        said["client_info"] = _padless(msgspec.json.encode({"uid": uid, "utid": tenant}))
    if "openid" in form.get("scope", "").split():
        now = int(exchange.now().timestamp())
        claims = {
            "aud": identity.app_id,
            "iss": f"https://login.microsoftonline.com/{tenant}/v2.0",
            "iat": now,
            "nbf": now,
            "exp": now + int(exchange.token_lifetime),
            "oid": uid,
            "sub": uid,
            "tid": tenant,
            "preferred_username": user,
            "ver": "2.0",
        }
        head = {"typ": "JWT", "alg": "RS256"}
        parts = (msgspec.json.encode(head), msgspec.json.encode(claims), secrets.token_bytes(32))
        said["id_token"] = ".".join(_padless(part) for part in parts)
    return said


def _padless(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def _given(
    exchange: "Exchange", identity: Identity, audience: str, *, with_refresh: bool = False
) -> dict[str, Any]:
    lifetime = exchange.token_lifetime
    expires_at = exchange.now() + timedelta(seconds=lifetime)
    claims = {
        "aud": audience,
        "appid": identity.app_id,
        "tid": identity.tenant,
        "roles": sorted(identity.roles),
        "exp": int(expires_at.timestamp()),
        "jti": secrets.token_hex(8),
    }
    if identity.user is not None:
        claims["upn"] = identity.user
    text = ".".join(
        _padless(part)
        for part in (
            msgspec.json.encode({"typ": "JWT", "alg": "RS256"}),
            msgspec.json.encode(claims),
            secrets.token_bytes(32),
        )
    )
    exchange.tokens.access[text] = Token(identity, audience, expires_at)
    given: dict[str, Any] = {
        "token_type": "Bearer",
        "expires_in": int(lifetime),
        "ext_expires_in": int(lifetime),
        "access_token": text,
    }
    if with_refresh:
        refresh = secrets.token_urlsafe(48)
        exchange.tokens.refresh[refresh] = identity
        given |= {"refresh_token": refresh, "scope": "https://graph.microsoft.com/Mail.Read"}
    return given


def metadata(exchange: "Exchange", base: str, tenant: str) -> tuple[int, dict[str, Any]]:
    """Describe the endpoints of a tenant (OpenID Connect Discovery): the status and the JSON object."""
    try:
        _check_tenant(exchange, tenant)
    except TokenError as error:
        return error.status, _refusal(exchange, error)
    root = f"{base}/{tenant}"
    return 200, {
        "token_endpoint": f"{root}/oauth2/v2.0/token",
        "token_endpoint_auth_methods_supported": [
            "client_secret_post",
            "private_key_jwt",
            "client_secret_basic",
        ],
        "jwks_uri": f"{root}/discovery/v2.0/keys",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": f"https://login.microsoftonline.com/{tenant}/v2.0",
        "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
        "device_authorization_endpoint": f"{root}/oauth2/v2.0/devicecode",
        "end_session_endpoint": f"{root}/oauth2/v2.0/logout",
        "tenant_region_scope": "EU",
        "cloud_instance_name": "microsoftonline.com",
        "msgraph_host": "graph.microsoft.com",
    }


def discovery(host: str) -> dict[str, Any]:
    """Say which hosts are one cloud (instance discovery)."""
    aliases = [host, "login.microsoftonline.com", "login.windows.net", "login.microsoft.com"]
    return {
        "tenant_discovery_endpoint": f"https://{host}/common/v2.0/.well-known/openid-configuration",
        "api-version": "1.1",
        "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": aliases}],
    }
