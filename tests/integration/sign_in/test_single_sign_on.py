"""People sign in by a provider; nobody else does."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from structlog.testing import capture_logs

from mailmine.access import sessions, single_sign_on
from mailmine.api.users import json as json_of
from mailmine.store import events, identities, users
from mailmine.store.database import Database
from mailmine.store.identities import UserIdentity
from mailmine.web.security import POLICY
from tests.integration.sign_in.conftest import ROLES, Answer, World
from tests.integration.sign_in.provider import (
    CLIENT_ID,
    SECRET,
    Claims,
    Provider,
    ec_key,
    jwk,
    rsa_key,
)

WANTED = "/account?a=b+c"


def assert_refused(world: World, answer: Answer, words: str, status: int = 401) -> None:
    """Make sure that the form is shown with these words, and that nobody was let in."""
    assert answer.status == status
    assert words in answer.text
    assert 'name="password"' in answer.text
    with world.database.read() as tx:
        assert "signed_in" not in {event.kind for event in events.page(tx, before=None, limit=50)}


async def test_a_person_signs_in_and_comes_to_the_page_that_was_wanted(
    any_database: Database, provider: Provider
) -> None:
    provider.person = {"sub": "7", "preferred_username": "ana", "email": "ana@acme.example"}
    async with AsyncExitStack() as stack:
        world = World(any_database, provider, stack)
        world.serve()
        browser = await world.browser()
        form = await world.get(browser, WANTED)
        assert "Sign in with Acme" in form.text
        button = form.text.partition('class="button" href="')[2].partition('"')[0]

        answer = await world.get(browser, button)

        assert (answer.status, answer.history[-1]) == (200, WANTED)
        assert "ana@acme.example" in answer.text
        assert [cookie.key for cookie in browser.cookie_jar] == [sessions.COOKIE]
        ana = world.user("ana")
        assert ana.password_hash is None
        assert not ana.global_permissions
        assert not ana.project_permissions
        again = await world.sign_in()
        assert (again.status, again.url) == (200, "/")
        with any_database.read() as tx:
            assert users.count(tx) == 1
            identity = identities.get(tx, provider.issuer, "7")
            assert identity is not None
            assert identity.user_id == ana.id
            kinds = [event.kind for event in events.page(tx, before=None, limit=50)]
            assert kinds == ["signed_in", "signed_in", "user_added"]


async def test_the_cookie_of_a_sign_in_is_out_of_reach_and_tells_no_secret(world: World) -> None:
    world.serve()
    browser = await world.browser()
    async with browser.get("/sign-in/oidc", allow_redirects=False) as answer:
        cookie = answer.headers["Set-Cookie"]
        sent = parse_qs(urlsplit(answer.headers["Location"]).query)
        assert answer.headers["Content-Security-Policy"] == POLICY
    for attribute in ("HttpOnly", "SameSite=lax", "Path=/sign-in/oidc", "Max-Age=600"):
        assert attribute in cookie
    payload = cookie.partition("=")[2].partition(".")[0]
    kept = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert kept == {"state": sent["state"][0], "next": ""}
    assert sent["scope"] == ["openid profile email"]


async def test_without_a_provider_there_is_no_button_and_no_route(world: World) -> None:
    world.serve(has_provider=False)
    assert "oidc" not in (await world.sign_in("/sign-in")).text
    assert (await world.sign_in()).status == 404
    assert (await world.sign_in("/sign-in/oidc/callback?code=a&state=b")).status == 404


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256"])
async def test_each_way_of_signing_is_taken(world: World, algorithm: str) -> None:
    key = ec_key("first") if algorithm == "ES256" else rsa_key("first")
    world.provider.algorithm, world.provider.key = algorithm, key
    world.provider.published = [{"kty": "oct", "k": "AAAA"}, jwk(key, "first")]
    world.serve()
    assert (await world.sign_in()).status == 200


async def test_a_key_without_a_name_is_taken_where_there_is_no_choice(world: World) -> None:
    world.provider.kid = None
    world.provider.published = [jwk(rsa_key("first"), None), jwk(ec_key("first"), None)]
    world.serve()
    assert (await world.sign_in()).status == 200
    world.provider.published.append(jwk(rsa_key("second"), None))
    async with AsyncExitStack() as stack:
        later = World(world.database, world.provider, stack)
        later.serve()
        assert (await later.sign_in()).status == 401


async def test_the_secret_goes_into_the_form_where_the_provider_wants_it_there(
    world: World,
) -> None:
    world.provider.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    world.serve()
    assert (await world.sign_in()).status == 200


def changed(**to: Any) -> Callable[[Claims], Claims]:
    return lambda claims: {**claims, **to}


def without(name: str) -> Callable[[Claims], Claims]:
    return lambda claims: {key: value for key, value in claims.items() if key != name}


def later(name: str, seconds: int) -> Callable[[Claims], Claims]:
    return lambda claims: {**claims, name: int(time.time()) + seconds}


UNTRUSTED = "could not be verified"
CLOCKS = "differ by more than two minutes"
FORGED = [
    pytest.param(changed(nonce="another"), UNTRUSTED, id="nonce"),
    pytest.param(changed(aud="another"), UNTRUSTED, id="aud"),
    pytest.param(changed(aud=["another"]), UNTRUSTED, id="aud list"),
    pytest.param(changed(aud=[CLIENT_ID, "another"]), UNTRUSTED, id="aud without azp"),
    pytest.param(changed(azp="another"), UNTRUSTED, id="azp"),
    pytest.param(changed(iss="https://evil.example"), UNTRUSTED, id="iss"),
    pytest.param(changed(sub=""), UNTRUSTED, id="empty sub"),
    pytest.param(changed(sub=7), UNTRUSTED, id="sub"),
    pytest.param(later("exp", -150), CLOCKS, id="exp"),
    pytest.param(later("iat", 150), CLOCKS, id="iat"),
    pytest.param(later("nbf", 150), CLOCKS, id="nbf"),
    *(
        pytest.param(without(name), UNTRUSTED, id=f"no {name}")
        for name in ("iss", "sub", "aud", "exp", "iat", "nonce")
    ),
]


@pytest.mark.parametrize(("forge", "words"), FORGED)
async def test_a_token_that_is_wrong_lets_nobody_in(
    world: World, forge: Callable[[Claims], Claims], words: str
) -> None:
    world.provider.forge = forge
    world.serve()
    assert_refused(world, await world.sign_in(), words)


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(later("exp", -90), id="exp"),
        pytest.param(later("iat", 90), id="iat"),
        pytest.param(changed(aud=[CLIENT_ID, "another"], azp=CLIENT_ID), id="azp"),
    ],
)
async def test_clocks_may_differ_a_little_and_others_may_be_meant_too(
    world: World, forge: Callable[[Claims], Claims]
) -> None:
    world.provider.forge = forge
    world.serve()
    assert (await world.sign_in()).status == 200


def by_nobody(claims: Claims) -> str:
    return f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(claims)}."


def by_the_secret(claims: Claims) -> str:
    return _hmac(claims, SECRET.encode())


def by_the_public_key(claims: Claims) -> str:
    """Sign as an attacker does who hopes that the key of RS256 is taken for one of HS256."""
    public = rsa_key("first").public_key()
    return _hmac(claims, public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def by_another_key(claims: Claims) -> str:
    return jwt.encode(claims, rsa_key("evil"), algorithm="RS256", headers={"kid": "first"})


def by_its_own_key(claims: Claims) -> str:
    """Bring the key along in the header."""
    headers = {"kid": "first", "jwk": jwk(rsa_key("evil"), "first")}
    return jwt.encode(claims, rsa_key("evil"), algorithm="RS256", headers=headers)


def with_another_payload(claims: Claims) -> str:
    head, _, signature = jwt.encode(
        claims, rsa_key("first"), algorithm="RS256", headers={"kid": "first"}
    ).split(".")
    return f"{head}.{_part({**claims, 'sub': '8'})}.{signature}"


def no_token(claims: Claims) -> str:
    del claims
    return "a.b"


def _hmac(claims: Claims, key: bytes) -> str:
    signed = f"{_part({'alg': 'HS256', 'typ': 'JWT', 'kid': 'first'})}.{_part(claims)}"
    return f"{signed}.{_encoded(hmac.digest(key, signed.encode(), hashlib.sha256))}"


def _part(value: dict[str, Any]) -> str:
    return _encoded(json.dumps(value).encode())


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "sign",
    [
        by_nobody,
        by_the_secret,
        by_the_public_key,
        by_another_key,
        by_its_own_key,
        with_another_payload,
        no_token,
    ],
)
async def test_a_token_that_is_not_signed_by_the_provider_lets_nobody_in(
    world: World, sign: Callable[[Claims], str]
) -> None:
    world.provider.sign = sign
    world.serve()
    assert_refused(world, await world.sign_in(), UNTRUSTED)


async def test_new_keys_are_asked_for_once(world: World) -> None:
    provider = world.provider
    world.serve()
    assert (await world.sign_in()).status == 200
    assert (await world.sign_in()).status == 200
    assert provider.asked.count("/keys") == 1

    provider.key, provider.kid = rsa_key("second"), "second"
    provider.published = [jwk(rsa_key("first"), "first"), jwk(rsa_key("second"), "second")]
    assert (await world.sign_in()).status == 200
    assert provider.asked.count("/keys") == 2

    provider.kid = "never published"
    answer = await world.sign_in()
    assert (answer.status, UNTRUSTED in answer.text) == (401, True)
    assert provider.asked.count("/keys") == 3


STALE = "Try once more."


async def test_a_sign_in_is_that_of_the_browser_which_began_it(world: World) -> None:
    world.serve()
    mine = await world.browser()
    async with mine.get("/sign-in/oidc", allow_redirects=False) as answer:
        authorize = answer.headers["Location"]
    async with mine.get(authorize, allow_redirects=False) as answer:
        callback = answer.headers["Location"].removeprefix(world.address)

    assert_refused(world, await world.sign_in(callback), STALE)
    state = parse_qs(urlsplit(callback).query)["state"][0]
    for wrong in (callback.replace(state, "x" * len(state)), callback.replace(state, "")):
        assert_refused(world, await world.get(mine, wrong), STALE)
    theirs = await world.browser()
    async with theirs.get("/sign-in/oidc", allow_redirects=False):
        pass
    assert_refused(world, await world.get(theirs, callback), STALE)
    assert (await world.get(mine, callback)).status == 200


async def test_a_code_opens_once(world: World) -> None:
    world.serve()
    browser = await world.browser()
    async with browser.get("/sign-in/oidc", allow_redirects=False) as answer:
        kept = answer.cookies[single_sign_on.COOKIE].value
        authorize = answer.headers["Location"]
    async with browser.get(authorize, allow_redirects=False) as answer:
        callback = answer.headers["Location"].removeprefix(world.address)
    assert (await world.get(browser, callback)).status == 200

    again = await world.get(browser, callback)
    assert (again.status, STALE in again.text) == (401, True)
    thief = await world.browser()
    async with thief.get(callback, cookies={single_sign_on.COOKIE: kept}) as stolen:
        assert stolen.status == 401
        assert STALE in await stolen.text()


async def test_a_sign_in_that_took_too_long_is_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.serve()
    browser = await world.browser()
    async with browser.get("/sign-in/oidc", allow_redirects=False) as answer:
        authorize = answer.headers["Location"]
    now = time.time()
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now + 700)
    assert_refused(world, await world.get(browser, authorize), "took too long")


@pytest.mark.parametrize(
    ("error", "words", "status"),
    [
        ("access_denied", "did not let you in, or you turned back", 401),
        ("login_required", "did not let you in, or you turned back", 401),
        ("temporarily_unavailable", "cannot be reached just now", 503),
        ("invalid_scope", "is not set up rightly", 401),
    ],
)
async def test_whoever_comes_back_without_a_code_is_told_why(
    world: World, error: str, words: str, status: int
) -> None:
    world.provider.error = error
    world.serve()
    answer = await world.sign_in(f"/sign-in/oidc?next={WANTED}")
    assert_refused(world, answer, words, status)
    assert "<b>" not in answer.text
    assert 'name="next" value="/account?a=b' in answer.text


DISCOVERY = "/.well-known/openid-configuration"


@pytest.mark.parametrize(
    ("path", "status", "text", "shown"),
    [
        (DISCOVERY, 503, "", 503),
        (DISCOVERY, 404, "{}", 503),
        (DISCOVERY, 200, "<html>", 503),
        (DISCOVERY, 200, "[]", 503),
        (DISCOVERY, 302, "", 503),
        ("/keys", 500, "{}", 503),
        ("/keys", 200, '{"keys": 1}', 503),
        ("/token", 503, "{}", 503),
        ("/token", 200, "x" * 2_000_000, 503),
        ("/token", 200, "{}", 401),
        ("/token", 401, '{"error": "invalid_client"}', 401),
        ("/token", 400, '{"error": 7}', 401),
    ],
)
async def test_a_provider_that_fails_is_said_to_do_so(
    world: World, path: str, status: int, text: str, shown: int
) -> None:
    world.provider.answers[path] = status, text
    world.serve()
    words = "cannot be reached" if shown == 503 else "is not set up rightly"
    assert_refused(world, await world.sign_in(), words, shown)
    del world.provider.answers[path]
    assert (await world.sign_in()).status == 200


async def test_a_provider_that_is_not_there_is_said_to_be_so(
    world: World, unused_tcp_port: int
) -> None:
    world.provider.issuer = f"http://127.0.0.1:{unused_tcp_port}"
    world.serve()
    assert_refused(world, await world.sign_in(), "cannot be reached just now", 503)


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://another.example"},
        {"token_endpoint": "http://login.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": None},
    ],
)
async def test_a_provider_that_is_another_is_not_believed(
    world: World, metadata: dict[str, Any]
) -> None:
    world.provider.metadata = metadata
    world.serve()
    assert_refused(world, await world.sign_in(), "is not set up rightly")


async def test_no_log_tells_a_code_a_token_or_the_secret(world: World) -> None:
    provider = world.provider
    world.serve()
    with capture_logs() as logs:
        for forge in (changed(nonce="another"), changed(aud=SECRET), later("exp", -900), dict):
            provider.forge = forge
            await world.sign_in()
        provider.answers["/token"] = (400, json.dumps({"error_description": SECRET}))
        answer = await world.sign_in()
    code = parse_qs(urlsplit(answer.history[-1]).query)["code"][0]
    assert len(logs) == 4
    written = json.dumps(logs)
    for secret in (code, SECRET, *provider.tokens, *(token[-40:] for token in provider.tokens)):
        assert secret not in written


async def test_groups_say_what_may_be_done_from_each_sign_in_on(
    any_database: Database, provider: Provider
) -> None:
    async with AsyncExitStack() as stack:
        world = World(any_database, provider, stack)
        world.serve(roles=ROLES)
        provider.person["groups"] = ["mail-admins", "support-team", "others"]
        await world.sign_in()
        told = json_of(world.user("ana"))
        assert told["global_permissions"] == ["root"]
        assert told["sso_global_permissions"] == ["root"]
        assert told["organisation_permissions"] == {"support": ["sources-read"]}

        with any_database.write() as tx:
            users.save(
                tx, replace(world.user("ana"), project_permissions={"a": frozenset({"voc"})})
            )
        provider.person["groups"] = "support-team"
        await world.sign_in()
        told = json_of(world.user("ana"))
        assert (told["global_permissions"], told["sso_global_permissions"]) == ([], [])
        assert told["organisation_permissions"] == {"support": ["sources-read"]}

        del provider.person["groups"]
        await world.sign_in()
        assert json_of(world.user("ana"))["organisation_permissions"] == {}
        with any_database.read() as tx:
            kinds = [event.kind for event in events.page(tx, before=None, limit=50)]
        assert kinds.count("user_changed") == 2


async def test_without_a_mapping_permissions_stay_as_they_are(world: World) -> None:
    world.serve()
    world.provider.person["groups"] = ["mail-admins"]
    await world.sign_in()
    given = replace(world.user("ana"), project_permissions={"a": frozenset({"voc"})})
    with world.database.write() as tx:
        users.save(tx, given)
    await world.sign_in()
    assert world.user("ana") == given


async def test_groups_that_the_token_leaves_out_are_not_taken_for_none(world: World) -> None:
    world.serve(roles=ROLES)
    world.provider.person["_claim_names"] = {"groups": "src1"}
    assert_refused(world, await world.sign_in(), "more groups than")


@pytest.mark.parametrize(
    ("told", "claim", "username"),
    [
        ({"preferred_username": "ana", "email": "a@acme.example"}, "", "ana"),
        ({"email": "a@acme.example"}, "", "a@acme.example"),
        ({"preferred_username": "Ana Lee", "email": "a@acme.example"}, "", "a@acme.example"),
        ({"preferred_username": "a\u202en", "email": ["x"]}, "", "7"),
        ({"preferred_username": "ana", "upn": "ana.lee"}, "upn", "ana.lee"),
    ],
)
async def test_a_name_is_taken_from_where_it_can_be(
    world: World, told: Claims, claim: str, username: str
) -> None:
    world.provider.person = {"sub": "7", **told}
    world.serve(username_claim=claim)
    assert (await world.sign_in()).status == 200
    assert world.user(username).username == username


async def test_whoever_has_no_name_where_it_should_be_is_not_let_in(world: World) -> None:
    world.serve(username_claim="upn")
    assert_refused(world, await world.sign_in(), "is not set up rightly")


@pytest.mark.parametrize(
    ("username", "email", "words"),
    [
        ("ANA", "", "an account with the name ana"),
        ("admin", "Ana@Acme.example", "an account with the address ana@acme.example"),
    ],
)
async def test_an_account_that_is_there_is_not_opened_by_its_name_or_address(
    world: World, username: str, email: str, words: str
) -> None:
    there = world.add(username, email)
    world.provider.person["email"] = "ana@acme.example"
    world.serve()
    assert_refused(world, await world.sign_in(), words)

    with world.database.write() as tx:
        identity = UserIdentity(issuer=world.provider.issuer, subject="7", user_id=there.id)
        identities.add(tx, identity)
    answer = await world.sign_in("/sign-in/oidc?next=/account")
    assert username in answer.text
    assert world.user(username) == there


async def test_another_subject_of_the_same_name_is_another_person(world: World) -> None:
    world.serve()
    await world.sign_in()
    world.provider.person["sub"] = "8"
    answer = await world.sign_in()
    assert answer.status == 401
    assert "as 8 at the provider" in answer.text


async def test_a_user_who_was_switched_off_stays_out(world: World) -> None:
    world.serve(roles=ROLES)
    await world.sign_in()
    off = replace(world.user("ana"), is_enabled=False)
    with world.database.write() as tx:
        users.save(tx, off)
    world.provider.person["groups"] = ["mail-admins"]
    answer = await world.sign_in()
    assert (answer.status, "is switched off" in answer.text) == (401, True)
    assert world.user("ana") == off


async def test_it_works_below_a_prefix(world: World) -> None:
    world.serve(prefix="/org/mail")
    browser = await world.browser()
    form = await world.get(browser, "/org/mail/account")
    button = form.text.partition('class="button" href="')[2].partition('"')[0]
    assert button == "/org/mail/sign-in/oidc?next=/org/mail/account"
    answer = await world.get(browser, button)
    assert (answer.status, answer.url) == (200, "/org/mail/account")
    assert {cookie["path"] for cookie in browser.cookie_jar} == {"/org/mail"}


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example/", "/\\evil.example/", "/%09/evil.example/"],
)
async def test_signing_in_never_leads_to_another_server(world: World, elsewhere: str) -> None:
    world.serve()
    answer = await world.sign_in(f"/sign-in/oidc?next={elsewhere}")
    assert (answer.status, answer.url) == (200, "/")
    assert answer.history[-1] == "/"
