"""Signing in by a provider, from the button to the session.

What belongs to one sign-in is derived from its `state`, which a signed cookie binds to the browser that began it: so nothing is
kept here, and neither the nonce nor the secret of PKCE can be had from the browser.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy import Connection as Transaction

from mailmine.access import oidc, refusals, sessions
from mailmine.access.oidc import Person, Provider, ProviderDown, Refused, Registration
from mailmine.access.roles import Role
from mailmine.access.secrets import Keyring
from mailmine.store import events, identities, users
from mailmine.store.database import Database
from mailmine.store.errors import Conflict
from mailmine.store.identities import UserIdentity
from mailmine.store.users import User

COOKIE = "mailmine_sign_in"

LIFETIME = timedelta(minutes=10)
"""From the button until one must be back."""

SWITCHED_OFF = "Your account here is switched off. Ask whoever manages mailmine here."


@dataclass(frozen=True, slots=True)
class Attempt:
    """A sign-in on its way."""

    state: str
    next: str
    """The page that was wanted."""


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the person is sent, and what his browser is to bring back."""

    address: str
    cookie: str


class SingleSignOn:
    """Signing in by one provider."""

    def __init__(self, registration: Registration, keyring: Keyring) -> None:
        self.registration = registration
        self._provider = Provider(registration)
        self._key = keyring.derive("sign-in")
        self._cookies = URLSafeTimedSerializer(
            self._key, salt="mailmine.sign-in", signer_kwargs={"digest_method": hashlib.sha256}
        )

    async def begin(self, *, redirect_uri: str, next_: str) -> Begun:
        """Send a person to the provider. Raises Refused."""
        state = secrets.token_urlsafe(32)
        address = await self._provider.address(
            state=state,
            nonce=self._derived("nonce", state),
            verifier=self._derived("verifier", state),
            redirect_uri=redirect_uri,
        )
        return Begun(address, str(self._cookies.dumps({"state": state, "next": next_})))

    def recall(self, cookie: str, state: str) -> Attempt:
        """Find the sign-in that this browser began, and is said to come back from. Raises Refused."""
        try:
            kept = self._cookies.loads(cookie, max_age=int(LIFETIME.total_seconds()))
        except BadData as error:
            reason = type(error).__name__ if cookie else "no cookie"
            raise Refused(oidc.STALE, f"the sign-in is not known: {reason}") from None
        attempt = Attempt(kept["state"], kept["next"])
        if not hmac.compare_digest(attempt.state.encode(), state.encode()):
            raise Refused(oidc.STALE, "the state is that of another sign-in")
        return attempt

    async def person(
        self, attempt: Attempt, answer: Mapping[str, str], *, redirect_uri: str
    ) -> Person:
        """Find out who came back with `answer`, the parameters of the address. Raises Refused."""
        if error := answer.get("error", ""):
            raise _turned_away(error)
        code = answer.get("code", "")
        if not code:
            raise Refused(oidc.STALE, "there is no code")
        return await self._provider.redeem(
            code,
            nonce=self._derived("nonce", attempt.state),
            verifier=self._derived("verifier", attempt.state),
            redirect_uri=redirect_uri,
        )

    def admit(self, database: Database, person: Person, *, now: datetime) -> str:
        """Let a person in: start his session, and give its id for the cookie. Raises Refused.

        At his first time he gets an account; with groups mapped, he may from now on do what they give, and nothing else.
        """
        roles = self.registration.roles
        role = roles.of(person.groups) if roles is not None else None
        try:
            with database.write() as tx:
                user = _known(tx, person, role, now) or _new(tx, person, role, now)
                detail = {"through": person.issuer}
                events.append(tx, "signed_in", at=now, user_id=user.id, detail=detail)
                return sessions.begin(tx, user, at=now)
        except Refused:
            refusals.note(database, None, at=now, detail={"through": person.issuer})
            raise
        except Conflict:
            raise Refused(oidc.STALE, "he was signing in twice at once") from None

    def _derived(self, what: str, state: str) -> str:
        digest = hmac.digest(self._key, f"{what}:{state}".encode(), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _turned_away(error: str) -> Refused:
    """Say what an error in the address means (RFC 6749, 4.1.2.1). Its description is anybody's."""
    reason = f"the provider answered {error[:60]!r}"
    if error in {"server_error", "temporarily_unavailable"}:
        return ProviderDown(reason)
    is_ours = error in {"invalid_request", "unauthorized_client", "invalid_scope"}
    return Refused(oidc.WRONGLY_SET_UP if is_ours else oidc.DENIED, reason)


def _known(tx: Transaction, person: Person, role: Role | None, now: datetime) -> User | None:
    """Find his account, and write what his groups give."""
    identity = identities.get(tx, person.issuer, person.subject)
    user = users.by_id(tx, identity.user_id) if identity is not None else None
    if user is None:
        return None
    if not user.is_enabled:
        raise Refused(SWITCHED_OFF, f"{user.username} is switched off")
    after = _permitted(user, role)
    if after != user:
        users.save(tx, after)
        detail = {"user": user.username, "through": person.issuer}
        events.append(tx, "user_changed", at=now, user_id=user.id, detail=detail)
    return after


def _new(tx: Transaction, person: Person, role: Role | None, now: datetime) -> User:
    """Make his account.

    Never an account that is there already: names and addresses at a provider can often be chosen, so that whoever takes
    those of an administrator would be one.
    """
    _refuse_taken(tx, person)
    made = users.add(
        tx,
        username=person.username,
        email=person.email,
        password_hash=None,
        global_permissions=frozenset(),
        project_permissions={},
    )
    user = _permitted(made, role)
    users.save(tx, user)
    identities.add(tx, UserIdentity(issuer=person.issuer, subject=person.subject, user_id=user.id))
    detail = {"user": user.username, "through": person.issuer}
    events.append(tx, "user_added", at=now, user_id=user.id, detail=detail)
    return user


def _refuse_taken(tx: Transaction, person: Person) -> None:
    for user in users.list_all(tx):
        if user.username.casefold() == person.username.casefold():
            what = f"the name {person.username}"
        elif person.email and user.email.casefold() == person.email.casefold():
            what = f"the address {person.email}"
        else:
            continue
        raise Refused(
            f"There is an account with {what} here that is not linked with your sign-in, so it was not opened to you. "
            f"Ask whoever manages mailmine here to link them, as {person.subject} at the provider.",
            f"{user.username} is not linked; `mailmine user link` does it: subject {person.subject!r}",
        )


def _permitted(user: User, role: Role | None) -> User:
    """Give the user as he is by what his groups give; as he was where no groups are mapped."""
    if role is None:
        return user
    return replace(
        user,
        global_permissions=role.global_permissions,
        project_permissions=role.project_permissions,
        sso_global_permissions=role.global_permissions,
    )
