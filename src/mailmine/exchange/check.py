"""Tries an integration step by step, and says what is wrong and what to do: for `mailmine check` and for the pages.

Everything is only read, and what was read is thrown away. What is wrong with the account or the server ends the tries for all its
mailboxes: another one with the same password could lock the account (exchange.md, part C, row 1).
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509

from mailmine.exchange import open_account
from mailmine.exchange.autodiscover import DiscoveringAccount
from mailmine.exchange.endpoints import EWS_ONLINE_ENDS, is_ews_online
from mailmine.exchange.faults import ExchangeError, Fault, Scope, Where
from mailmine.exchange.http import HttpPool, Request, Transport, host_of
from mailmine.exchange.probe import Handshake, shake_hands
from mailmine.exchange.reader import Account, Folder, FolderTree, Item, ItemFault, Reader
from mailmine.exchange.remedies import DENIED, Case, Remedy, remedy, remedy_for
from mailmine.exchange.session import is_refused
from mailmine.model.email import Attachment, AttachmentKind
from mailmine.model.integration import AuthType, Connection

SKEW: Final = timedelta(minutes=5)
"""Between our clock and the server's; more breaks Kerberos and the tokens of OAuth 2.0."""
SOON: Final = timedelta(days=30)
"""Before the end of a certificate."""
LOOKED_AT: Final = 10
"""The newest emails of a folder among which one with an attachment is looked for."""
LONG_AGO: Final = datetime(1990, 1, 1, tzinfo=UTC)
GOOD_TLS: Final = ("TLSv1.2", "TLSv1.3")
NOT_SIGNED_IN: Final = frozenset(
    {"InvalidAuthenticationToken", "InvalidMsaToken", "unauthenticated"}
)


class Outcome(StrEnum):
    """What became of a step."""

    OK = "ok"
    WARNING = "warning"
    """It works, and something should be done."""
    FAILED = "failed"
    SKIPPED = "skipped"


class Name(StrEnum):
    """The steps, in their order."""

    SECRET = "secret"  # noqa: S105
    AUTODISCOVER = "autodiscover"
    REACH = "reach"
    CERTIFICATE = "certificate"
    CLOCK = "clock"
    RETIREMENT = "retirement"
    SIGN_IN = "sign in"
    PERMISSION = "permission"
    FOLDERS = "folders"
    BODY = "body"
    ATTACHMENT = "attachment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that was tried."""

    name: Name
    outcome: Outcome
    words: str
    """For a person; hold no subject, no body, no secret."""
    mailbox: str | None = None
    """Its address; None for what concerns all of them."""
    remedy: Remedy | None = None
    """What to do elsewhere, where `words` do not say it all."""
    detail: str = ""
    """For whoever wants to know more."""
    fault: Fault | None = None


Steps = AsyncGenerator[Step, None]


def _utc_now() -> datetime:
    return datetime.now(UTC)


def readable(steps: Iterable[Step]) -> frozenset[str]:
    """Give the mailboxes whose folders were read, and of which nothing failed."""
    of: dict[str, list[Step]] = {}
    for step in steps:
        if step.mailbox is not None:
            of.setdefault(step.mailbox, []).append(step)
    return frozenset(
        mailbox
        for mailbox, gone in of.items()
        if any(step.name is Name.FOLDERS for step in gone)
        and not any(step.outcome is Outcome.FAILED for step in gone)
    )


async def check(
    connection: Connection,
    secret: str,
    mailboxes: Sequence[str],
    *,
    transport: Transport | None = None,
    probe: Callable[[Connection], Awaitable[Handshake]] = shake_hands,
    now: Callable[[], datetime] = _utc_now,
) -> Steps:
    """Try an integration and its `mailboxes`, and tell of each step when it is done. Raises nothing of Exchange's.

    `transport`, `probe` and `now` are for tests.
    """
    for step in check_secrets(connection, secret, now()):
        yield step
    account = open_account(connection, secret, transport=transport)
    trial = _Trial(
        account, connection, partial(check_server, transport=transport, probe=probe, now=now)
    )
    try:
        if connection.endpoint:
            async for step in trial.server(connection):
                yield step
        for mailbox in mailboxes:
            async for step in trial.mailbox(mailbox):
                yield step
    finally:
        await account.aclose()


class _Trial:
    """What was found so far, and so what need not be tried."""

    def __init__(
        self, account: Account, connection: Connection, try_server: Callable[[Connection], Steps]
    ) -> None:
        self._account = account
        self._connection = connection
        self._try_server = try_server
        self._is_reached: dict[str, bool] = {}
        self._is_over = False

    async def server(self, there: Connection) -> Steps:
        """Try an endpoint, once."""
        self._is_reached[there.endpoint] = True
        async for step in self._try_server(there):
            if step.name is Name.REACH and step.outcome is Outcome.FAILED:
                self._is_reached[there.endpoint] = False
            yield step

    async def mailbox(self, mailbox: str) -> Steps:
        """Try a mailbox, at its endpoint."""
        there = self._connection
        if isinstance(self._account, DiscoveringAccount) and not self._is_over:
            step, there = await _discovered(self._account, there, mailbox)
            yield self._noted(step)
            if step.outcome is Outcome.FAILED:
                return
            if there.endpoint not in self._is_reached:
                async for step in self.server(there):
                    yield step
        if self._is_over or not self._is_reached[there.endpoint]:
            words = "not tried, because of what is said above"
            yield _step(Name.SIGN_IN, Outcome.SKIPPED, words, mailbox)
            return
        async for step in check_mailbox(self._account, there, mailbox):
            yield self._noted(step)

    def _noted(self, step: Step) -> Step:
        if step.fault is not None and step.fault.scope is Scope.CONNECTION:
            self._is_over = self._is_over or step.outcome is Outcome.FAILED
        return step


def _step(
    name: Name,
    outcome: Outcome,
    words: str,
    mailbox: str | None = None,
    *,
    remedy: Remedy | None = None,
    detail: str = "",
) -> Step:
    return Step(
        name=name, outcome=outcome, words=words, mailbox=mailbox, remedy=remedy, detail=detail
    )


def _failure(
    name: Name,
    fault: Fault,
    connection: Connection,
    mailbox: str | None = None,
    *,
    outcome: Outcome = Outcome.FAILED,
) -> Step:
    detail = f"{fault.where}: {fault.code}"
    return Step(
        name=name,
        outcome=outcome,
        words=f"{fault.message} [{fault.code}]",
        mailbox=mailbox,
        remedy=remedy_for(fault, connection, mailbox or ""),
        detail=f"{detail}, request {fault.request_id}" if fault.request_id else detail,
        fault=fault,
    )


# -- what needs no server


def check_secrets(connection: Connection, secret: str, now: datetime) -> Iterator[Step]:
    """Say when what we sign in with ends, where that can be known."""
    if connection.auth is AuthType.CLIENT_CERTIFICATE:
        yield from _ends("The certificate of the application", secret.encode(), connection, now)
    if connection.auth is AuthType.CLIENT_SECRET:
        words = "The end of a client secret is known to Entra ID alone: see Certificates & secrets"
        yield _step(Name.SECRET, Outcome.SKIPPED, words)
    if connection.tls_certificate_file is not None:
        try:
            shown = Path(connection.tls_certificate_file).read_bytes()
        except OSError:
            return  # the first connection says so
        yield from _ends("The certificate that we show the server", shown, connection, now)


def _ends(what: str, pem: bytes, connection: Connection, now: datetime) -> Iterator[Step]:
    try:
        ends_at = x509.load_pem_x509_certificates(pem)[0].not_valid_after_utc
    except ValueError:
        return  # a key alone, or nonsense, which signing in will show
    outcome, words = _until(what, ends_at, now)
    needed = remedy(Case.CERTIFICATE_ENDS, connection) if outcome is not Outcome.OK else None
    yield _step(Name.SECRET, outcome, words, remedy=needed)


def _until(what: str, ends_at: datetime, now: datetime) -> tuple[Outcome, str]:
    if ends_at <= now:
        return Outcome.FAILED, f"{what} ended on {ends_at:%Y-%m-%d}"
    outcome = Outcome.WARNING if ends_at - now < SOON else Outcome.OK
    return outcome, f"{what} is good until {ends_at:%Y-%m-%d}"


# -- the server


async def check_server(
    connection: Connection,
    *,
    transport: Transport | None = None,
    probe: Callable[[Connection], Awaitable[Handshake]] = shake_hands,
    now: Callable[[], datetime] = _utc_now,
) -> Steps:
    """Reach the server without signing in: its name, its port, its certificate, its clock."""
    wire = transport or HttpPool(connection, connections=1)
    request = Request(method="GET", url=connection.endpoint, headers={}, operation="check")
    try:
        async with wire.send(request) as response:
            status, date = response.status, response.headers.get("Date", "")
    except ExchangeError as error:
        yield _failure(Name.REACH, error.fault, connection)
        return
    finally:
        if transport is None:
            await wire.aclose()
    way = " by the proxy" if connection.proxy else ""
    is_well = status < HTTPStatus.INTERNAL_SERVER_ERROR
    words = f"{host_of(connection.endpoint)} answers{way}" + ("" if is_well else f" ({status})")
    outcome = Outcome.OK if is_well else Outcome.WARNING
    yield _step(Name.REACH, outcome, words, detail=f"HTTP {status}")
    yield await _certificate(connection, probe, now())
    yield _clock(connection, date, now())
    if is_ews_online(connection):
        yield _retirement(connection, now())


async def _certificate(
    connection: Connection, probe: Callable[[Connection], Awaitable[Handshake]], now: datetime
) -> Step:
    if urlsplit(connection.endpoint).scheme != "https":
        return _step(Name.CERTIFICATE, Outcome.SKIPPED, "There is none: plain HTTP on this machine")
    if connection.proxy is not None:
        return _step(
            Name.CERTIFICATE, Outcome.SKIPPED, "It is trusted; its end is not seen by the proxy"
        )
    try:
        shown = await probe(connection)
    except ExchangeError as error:
        return _failure(Name.CERTIFICATE, error.fault, connection, outcome=Outcome.WARNING)
    host = host_of(connection.endpoint)
    outcome, words = _until(f"The certificate of {host}", shown.ends_at, now)
    needed: Remedy | None = None
    if outcome is not Outcome.OK:
        outcome, needed = Outcome.WARNING, remedy(Case.CERTIFICATE_ENDS, connection)
    if shown.version not in GOOD_TLS:
        outcome, needed = Outcome.WARNING, remedy(Case.OLD_TLS, connection)
        words += f"; {shown.version} is not safe any more"
    if not connection.verify_tls:
        outcome = Outcome.WARNING
        words += "; it is not checked (verify_tls = false), so anybody in between can read along"
    detail = f"{shown.version}, {shown.cipher}, {shown.address}; issued by {shown.issuer}"
    return _step(Name.CERTIFICATE, outcome, words, remedy=needed, detail=detail)


def _clock(connection: Connection, date: str, now: datetime) -> Step:
    """Compare our clock with the Date of an answer (RFC 9110, 6.6.1)."""
    host = host_of(connection.endpoint)
    try:
        there = parsedate_to_datetime(date)
    except ValueError:
        return _step(Name.CLOCK, Outcome.SKIPPED, f"{host} does not tell the time")
    skew = (there.replace(tzinfo=there.tzinfo or UTC) - now).total_seconds()
    detail = f"{skew:+.0f} seconds"
    if abs(skew) <= SKEW.total_seconds():
        return _step(Name.CLOCK, Outcome.OK, f"{host} and we have the same time", detail=detail)
    way = "ahead of" if skew > 0 else "behind"
    words = f"The clock of {host} is {abs(skew) / 60:.0f} minutes {way} ours"
    needed = remedy(Case.CLOCK, connection)
    return _step(Name.CLOCK, Outcome.WARNING, words, remedy=needed, detail=detail)


def _retirement(connection: Connection, now: datetime) -> Step:
    is_over = now.date() >= EWS_ONLINE_ENDS
    day = f"{EWS_ONLINE_ENDS.day} {EWS_ONLINE_ENDS:%B %Y}"
    words = f"Exchange Online {'has had' if is_over else 'has'} EWS until {day}, and no longer"
    return _step(
        Name.RETIREMENT,
        Outcome.WARNING,
        words,
        remedy=remedy(Case.EWS_ONLINE_ENDS, connection),
    )


async def _discovered(
    account: DiscoveringAccount, connection: Connection, mailbox: str
) -> tuple[Step, Connection]:
    try:
        endpoint = await account.endpoint(mailbox)
    except ExchangeError as error:
        name = Name.SIGN_IN if is_refused(error.fault) else Name.AUTODISCOVER
        return _failure(name, error.fault, connection, mailbox), connection
    words = f"EWS is at {endpoint}"
    there = replace(connection, endpoint=endpoint)
    return _step(Name.AUTODISCOVER, Outcome.OK, words, mailbox), there


# -- a mailbox


async def check_mailbox(account: Account, connection: Connection, mailbox: str) -> Steps:
    """Sign in and read a little of one mailbox: its folders, a body, an attachment."""
    reader = account.reader(mailbox)
    try:
        try:
            tree = await reader.folders()
        except ExchangeError as error:
            for step in _not_read(error.fault, connection, mailbox):
                yield step
            return
        yield _signed_in(mailbox)
        yield _step(Name.PERMISSION, Outcome.OK, "it may be read", mailbox)
        yield _folders(tree, mailbox)
        async for step in _contents(reader, tree, connection, mailbox):
            yield step
    finally:
        await reader.aclose()


def _signed_in(mailbox: str) -> Step:
    return _step(Name.SIGN_IN, Outcome.OK, "we are let in", mailbox)


def _not_read(fault: Fault, connection: Connection, mailbox: str) -> Iterator[Step]:
    """Tell how far we came."""
    if is_refused(fault) or fault.where is Where.TOKEN or fault.code in NOT_SIGNED_IN:
        yield _failure(Name.SIGN_IN, fault, connection, mailbox)
    elif fault.code in DENIED:
        yield _signed_in(mailbox)
        yield _failure(Name.PERMISSION, fault, connection, mailbox)
    else:
        if fault.where in (Where.EWS, Where.GRAPH):
            yield _signed_in(mailbox)
        yield _failure(Name.FOLDERS, fault, connection, mailbox)


def _folders(tree: FolderTree, mailbox: str) -> Step:
    items = sum(folder.total for folder in tree.folders)
    words = f"{len(tree.folders)} folders, {items} items"
    if not tree.is_complete:
        words += ", all that this account may see"
    detail = "; ".join("/".join(folder.path) for folder in tree.folders[:20])
    return _step(Name.FOLDERS, Outcome.OK, words, mailbox, detail=detail)


async def _contents(
    reader: Reader, tree: FolderTree, connection: Connection, mailbox: str
) -> Steps:
    """Read the newest email, and an attachment."""
    folder = _fullest(tree)
    if folder is None:
        for name in (Name.BODY, Name.ATTACHMENT):
            yield _step(name, Outcome.SKIPPED, "there is no email to read", mailbox)
        return
    try:
        newest = await reader.newest(folder.id, since=LONG_AGO, limit=LOOKED_AT)
        if isinstance(newest, Fault):
            yield _failure(Name.BODY, newest, connection, mailbox)
            return
        found = [one async for batch in reader.fetch(newest) for one in batch]
    except ExchangeError as error:
        yield _failure(Name.BODY, error.fault, connection, mailbox)
        return
    items = [one for one in found if isinstance(one, Item)]
    faults = [one.fault for one in found if isinstance(one, ItemFault)]
    yield _body(items, faults, folder, connection, mailbox)
    yield await _attachment(reader, items, connection, mailbox)


def _fullest(tree: FolderTree) -> Folder | None:
    """Choose the inbox, or else the folder that holds most."""
    return max(
        (folder for folder in tree.folders if folder.total),
        key=lambda folder: (folder.well_known == "inbox", folder.total),
        default=None,
    )


def _body(
    items: Sequence[Item],
    faults: Sequence[Fault],
    folder: Folder,
    connection: Connection,
    mailbox: str,
) -> Step:
    where = "/".join(folder.path)
    if not items and not faults:
        return _step(Name.BODY, Outcome.SKIPPED, f"there is no email in {where}", mailbox)
    whole = next((item for item in items if item.incomplete is None), None)
    if whole is None:
        incomplete = [item.incomplete for item in items if item.incomplete is not None]
        fault = [*faults, *incomplete][0]
        return _failure(Name.BODY, fault, connection, mailbox, outcome=Outcome.WARNING)
    length = len(whole.email.html or whole.email.text or "")
    words = f"an email of {where} was read, {length:,} characters"
    return _step(Name.BODY, Outcome.OK, words, mailbox)


async def _attachment(
    reader: Reader, items: Sequence[Item], connection: Connection, mailbox: str
) -> Step:
    """Read the smallest attachment, and throw it away."""
    with_content: list[tuple[Item, Attachment]] = [
        (item, attachment)
        for item in items
        for attachment in item.email.attachments
        if attachment.id is not None and attachment.kind is not AttachmentKind.REFERENCE
    ]
    if not with_content:
        words = "no recent email has one"
        return _step(Name.ATTACHMENT, Outcome.SKIPPED, words, mailbox)
    item, attachment = min(with_content, key=lambda one: one[1].size)
    try:
        length = sum([len(piece) async for piece in reader.attachment(item.id, attachment)])
    except ExchangeError as error:
        is_its_own = error.fault.scope is Scope.ITEM
        outcome = Outcome.WARNING if is_its_own else Outcome.FAILED
        return _failure(Name.ATTACHMENT, error.fault, connection, mailbox, outcome=outcome)
    words = f"an attachment was read, {length:,} bytes"
    return _step(Name.ATTACHMENT, Outcome.OK, words, mailbox)
