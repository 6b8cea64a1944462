"""A provider of OpenID Connect on this machine: strict with its clients, and as false as a test wants."""

import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import unquote_plus, urlencode

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

CLIENT_ID = "mailmine"
SECRET = "s3cret with: colon+plus"

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Claims = dict[str, Any]


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    del name
    return rsa.generate_private_key(65537, 2048)


@cache
def ec_key(name: str) -> ec.EllipticCurvePrivateKey:
    del name
    return ec.generate_private_key(ec.SECP256R1())


def jwk(key: Key, kid: str | None) -> dict[str, Any]:
    """Publish a key."""
    if isinstance(key, rsa.RSAPrivateKey):
        told = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        told = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**told, "use": "sig", **({} if kid is None else {"kid": kid})}


@dataclass
class Provider:
    """What it says, and how it fails; each may be changed by a test."""

    person: Claims = field(default_factory=lambda: {"sub": "7", "preferred_username": "ana"})
    algorithm: str = "RS256"
    key: Key = field(default_factory=lambda: rsa_key("first"))
    kid: str | None = "first"
    published: list[dict[str, Any]] = field(
        default_factory=lambda: [jwk(rsa_key("first"), "first")]
    )
    forge: Callable[[Claims], Claims] = dict
    """Changes the claims before they are signed."""
    sign: Callable[[Claims], str] | None = None
    """Makes the token instead."""
    error: str = ""
    """What people come back with instead of a code."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """Beside, or instead of, what discovery would say."""
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    """What paths answer instead of what they should."""
    asked: list[str] = field(default_factory=list)
    """The paths, one for each request."""
    tokens: list[str] = field(default_factory=list)
    issuer: str = ""
    _codes: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._watch])
        app.router.add_get("/.well-known/openid-configuration", self._discovery)
        app.router.add_get("/authorize", self._authorize)
        app.router.add_post("/token", self._token)
        app.router.add_get("/keys", self._keys)
        return app

    @web.middleware
    async def _watch(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked.append(request.path)
        if request.path in self.answers:
            status, text = self.answers[request.path]
            return web.Response(status=status, text=text)
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _discovery(self, request: web.Request) -> web.Response:
        del request
        return web.json_response(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize?realm=main",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                **self.metadata,
            }
        )

    async def _keys(self, request: web.Request) -> web.Response:
        del request
        return web.json_response({"keys": self.published})

    async def _authorize(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        assert asked["realm"] == "main"
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT_ID
        assert "openid" in asked["scope"].split()
        assert asked["code_challenge_method"] == "S256"
        assert len(asked["code_challenge"]) == 43
        assert min(len(asked["state"]), len(asked["nonce"])) >= 43
        assert asked["redirect_uri"].endswith("/sign-in/oidc/callback")
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        told = {"error": self.error, "error_description": "<b>"} if self.error else {"code": code}
        query = urlencode({"state": asked["state"], **told})
        raise web.HTTPFound(f"{asked['redirect_uri']}?{query}")

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        if self._client(request, form) != (CLIENT_ID, SECRET):
            return _no("invalid_client", 401)
        asked = self._codes.pop(form["code"], None)
        if asked is None or form["redirect_uri"] != asked["redirect_uri"]:
            return _no("invalid_grant")
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
            return _no("invalid_grant")
        now = int(time.time())
        claims = self.forge(
            {
                "iss": self.issuer,
                "aud": CLIENT_ID,
                "iat": now,
                "exp": now + 300,
                "nonce": asked["nonce"],
                **self.person,
            }
        )
        headers = None if self.kid is None else {"kid": self.kid}
        token = (
            self.sign(claims)
            if self.sign
            else jwt.encode(claims, self.key, algorithm=self.algorithm, headers=headers)
        )
        self.tokens.append(token)
        return web.json_response(
            {"access_token": "access", "token_type": "Bearer", "id_token": token}
        )

    def _client(self, request: web.Request, form: Mapping[str, str]) -> tuple[str, str]:
        """Read who the client says it is, where our metadata says that it is to be said."""
        if self.metadata.get("token_endpoint_auth_methods_supported") == ["client_secret_post"]:
            assert "Authorization" not in request.headers
            return form["client_id"], form["client_secret"]
        assert "client_secret" not in form
        _, _, pair = request.headers["Authorization"].partition(" ")
        client_id, _, secret = base64.b64decode(pair).decode().partition(":")
        return unquote_plus(client_id), unquote_plus(secret)


def _no(error: str, status: int = 400) -> web.Response:
    return web.json_response({"error": error, "error_description": SECRET}, status=status)
