"""A simulated Exchange: who may sign in, which mailboxes there are, and what is to go wrong."""

import hmac
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from exchange_simulator.autodiscover import Autodiscover
from exchange_simulator.entra import Application, Tokens
from exchange_simulator.folder import PUBLIC, WELL_KNOWN, WITH_ARCHIVE_FOLDER
from exchange_simulator.graph.errors import GraphError
from exchange_simulator.mailbox import Mailbox, Message
from exchange_simulator.notifications import Subscriptions
from exchange_simulator.spool import Spool
from exchange_simulator.versions import Version


@dataclass
class Account:
    """Someone who signs in."""

    name: str
    password: str
    is_locked: bool = False
    """Signing in fails although the password is right."""
    impersonates: frozenset[str] | None = frozenset()
    """The mailboxes on whose behalf it may act; None = all."""
    under_way: int = 0
    """Requests of it that wait for their answers."""
    password_ends: datetime | None = None
    """When it has to choose another password; None = never."""
    needs_second_factor: bool = False
    """Its password alone gets no token (AADSTS50076)."""
    is_barred: bool = False
    """Conditional access lets it get no token (AADSTS53003)."""
    syncs_under_way: int = 0
    """Those of them that synchronise a folder or the hierarchy."""
    wrong_passwords: int = 0
    """In a row."""
    is_application: bool = False
    """An application of Entra ID, which has no mailbox of its own and must impersonate."""


@dataclass
class Request:
    """One request that was answered."""

    operation: str
    account: str
    mailbox: str | None
    """Whom it was about, where the request says so."""
    code: str
    """NoError, or the first thing that went wrong."""


@dataclass
class Failure:
    """Something that is to go wrong."""

    operation: str | None
    code: str
    times: int | None
    mailbox: str | None = None
    message: Message | None = None
    when_asked: str | None = None
    as_fault: bool = False
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    back_off_ms: int | None = None
    inner: str | None = None
    disconnect: bool = False


class Requests:
    """The requests since the last `clear`, in their order; of very many only the last `KEPT`."""

    KEPT = 100_000

    def __init__(self) -> None:
        self._answered: deque[Request] = deque(maxlen=self.KEPT)

    def __iter__(self) -> Iterator[Request]:
        return iter(tuple(self._answered))

    def __len__(self) -> int:
        return len(self._answered)

    def __getitem__(self, index: int) -> Request:
        return self._answered[index]

    def append(self, request: Request) -> None:
        """Note a request that was answered."""
        self._answered.append(request)

    def clear(self) -> None:
        """Forget all."""
        self._answered.clear()

    def count(self, operation: str | None = None, mailbox: str | None = None) -> int:
        """Count the requests of an operation, of a mailbox, or all."""
        return sum(
            (operation is None or request.operation == operation)
            and (mailbox is None or (request.mailbox or "").lower() == mailbox.lower())
            for request in self
        )

    def by_operation(self) -> dict[str, int]:
        """Count the requests of each operation."""
        return dict(Counter(request.operation for request in self))


class Exchange:
    """An Exchange organisation on one server. See the package for what it offers.

    `folder` is where its spool lies (default: the system's temporary folder).
    `sync_state_padding` makes sync states that many bytes longer, as Exchange's can be.
    """

    offers: tuple[str, ...] = ("Basic",)
    """How one may sign in to EWS, in the order offered: of "Negotiate", "NTLM", "Basic". Tokens of Entra ID
    are taken as well, and offered where applications are registered. NTLM knows no password with a colon."""
    locks_after: int | None = None
    """Wrong passwords in a row that lock an account."""
    ews_allowed_apps: frozenset[str] | None = None
    """EWSAllowedAppIDs of the tenant; all others get 403 (None: nobody does)."""
    concurrent_sync_calls: int | None = None
    """ConcurrentSyncCalls (2016 and later): of more SyncFolder* at once of one account each gets ErrorServerBusy."""
    checks_cookies = False
    """Whether the cookie of one mailbox's session sent for another mailbox is an ErrorInternalServerTransientError,
    as where a proxy sends it to the wrong back end."""
    hanging_connection_limit = 3
    """HangingConnectionLimit: of more GetStreamingEvents of one account each gets ErrorExceededConnectionCount."""
    heartbeat = 45.0
    """Seconds after which a streaming connection says that it still stands."""
    streaming_minute = 60.0
    """Seconds that a minute of a ConnectionTimeout takes."""

    def __init__(
        self,
        *,
        version: Version | str = Version.EXCHANGE_2016,
        folder: Path | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sync_state_padding: int = 0,
    ) -> None:
        self.version = Version(version)
        self.now = now
        self.sync_state_padding = sync_state_padding
        self.max_concurrency = 10 if self.version.is_2010 else 27
        """EWSMaxConcurrency: of more requests at once of one account each gets ErrorExceededConnectionCount."""
        self.most_at_once = 0
        """The most requests of one account that were ever under way together."""
        self.extended_protection = False
        """NTLM and Negotiate must be bound to the certificate of the server, which needs TLS ("Required")."""
        self.latency = 0.0
        """Seconds that every answer takes longer."""
        self.compresses = True
        """Answers are gzipped for those who accept it."""
        self.applications: dict[str, Application] = {}
        """Those registered in Entra ID, by their ids."""
        self.tokens = Tokens()
        self.token_lifetime = 3600.0
        """Seconds that a new token is good for."""
        self.graph_concurrency = 4
        """Requests at once for one mailbox; more get 429."""
        self.graph_forgets_new_returns = False
        """Whether of a message that arrived, went and came back between two rounds only is told that it went."""
        self.graph_tells_returns = False
        """Whether a delta tells of an item that left and came back that it is there."""
        self.graph_has_no_delta = False
        """As in the cloud that 21Vianet operates."""
        self.graph_forgets_before = 0
        """How many of the next delta queries with a place are answered that it is forgotten (410)."""
        self.autodiscover = Autodiscover()
        self._quirks: list[str] = []
        self.lock = threading.RLock()
        self.subscriptions = Subscriptions(self.lock)
        """Those who want to be told what happens. `clear()` forgets them; `end_streams(code)` ends their connections."""
        self.requests = Requests()
        self.on_exchange: list[Callable[[bytes, bytes, Version], None]] = []
        """Called with every request body, its answer's body, and the version of this server."""
        self._spool = Spool(folder)
        self._accounts: dict[str, Account] = {}
        self._mailboxes: dict[str, Mailbox] = {}
        self._by_guid: dict[str, Mailbox] = {}
        self._public_folders: Mailbox | None = None
        self._failures: list[Failure] = []

    # -- who and what there is

    def account(self, name: str, *, password: str = "secret") -> Account:  # noqa: S107
        """Let someone sign in; asked again, it changes the password."""
        with self.lock:
            account = self._accounts.setdefault(name.lower(), Account(name, password))
            account.password = password
            return account

    def mailbox(self, address: str, *, name: str | None = None) -> Mailbox:
        """Give the mailbox of this address, made where missing."""
        with self.lock:
            mailbox = self._mailboxes.get(address.lower())
            if mailbox is None:
                mailbox = Mailbox(
                    address,
                    name=name or address.partition("@")[0],
                    spool=self._spool,
                    lock=self.lock,
                    now=self.now,
                    tree=WELL_KNOWN if self.version.is_before_2016 else WITH_ARCHIVE_FOLDER,
                )
                mailbox.watchers.append(self.subscriptions.note)
                self._mailboxes[address.lower()] = mailbox
                self._by_guid[mailbox.guid] = mailbox
            return mailbox

    def application(
        self,
        app_id: str,
        *,
        tenant: str = "contoso.example",
        secret: str = "app-secret",  # noqa: S107
        certificate: bytes | None = None,
        roles: Iterable[str] = ("Mail.Read", "full_access_as_app"),
        only: Iterable[str] | None = None,
    ) -> Application:
        """Register an application in Entra ID; asked again, it is another one under the same id.

        `certificate` is PEM; `only` the mailboxes that it may read (None: all).
        """
        with self.lock:
            allowed = None if only is None else frozenset(address.lower() for address in only)
            made = Application(app_id, tenant, secret, certificate, frozenset(roles), allowed)
            self.applications[app_id] = made
            return made

    def revoke_tokens(self) -> None:
        """Let no token be good any more that was given."""
        with self.lock:
            self.tokens.access.clear()

    def find_account(self, name: str) -> Account | None:
        r"""Give the account of this name, if there is one; `EXAMPLE\svc` is as good as `svc@example.com`."""
        domain, _, user = name.lower().rpartition("\\")
        known = self._accounts.get(name.lower()) or self._accounts.get(user)
        if known is not None or not domain:
            return known
        return next(
            (
                account
                for address, account in self._accounts.items()
                if address.partition("@")[0] == user
                and domain in (address.partition("@")[2], address.partition("@")[2].split(".")[0])
            ),
            None,
        )

    def account_of_application(self, app_id: str) -> Account:
        """Give whom EWS knows an application as: it acts for the mailboxes that it may read."""
        account = self._accounts.setdefault(f"application {app_id}", Account(app_id, ""))
        account.impersonates, account.is_application = self.applications[app_id].only, True
        return account

    @property
    def mailboxes(self) -> list[Mailbox]:
        """All mailboxes, in the order in which they were made."""
        return list(self._mailboxes.values())

    def find_mailbox(self, address: str) -> Mailbox | None:
        """Give the mailbox of this address, if there is one."""
        return self._mailboxes.get(address.lower())

    def mailbox_by_guid(self, guid: str) -> Mailbox | None:
        """Give the mailbox with this id, if there is one: also an archive, and the public folders."""
        found = self._by_guid.get(guid)
        if found is None:
            archives = (mailbox.archive for mailbox in self.mailboxes)
            found = next((one for one in archives if one and one.guid == guid), None)
        return found

    def delete_mailbox(self, address: str) -> Mailbox:
        """Let there be no such mailbox any more; what it was, for `restore_mailbox`."""
        with self.lock:
            mailbox = self._mailboxes.pop(address.lower())
            del self._by_guid[mailbox.guid]
            return mailbox

    def restore_mailbox(self, mailbox: Mailbox) -> None:
        """Bring a deleted mailbox back, as an administrator does within 30 days."""
        with self.lock:
            self._mailboxes[mailbox.address.lower()] = mailbox
            self._by_guid[mailbox.guid] = mailbox

    @property
    def public_folders(self) -> Mailbox:
        """The public folders, which everyone may read; there are none until they are asked for here."""
        with self.lock:
            if self._public_folders is None:
                self._public_folders = Mailbox(
                    "public folders",
                    name="Public Folders",
                    spool=self._spool,
                    lock=self.lock,
                    now=self.now,
                    tree=PUBLIC,
                    kind="public",
                )
                self._public_folders.watchers.append(self.subscriptions.note)
                self._by_guid[self._public_folders.guid] = self._public_folders
            return self._public_folders

    @property
    def has_public_folders(self) -> bool:
        """Whether there are public folders."""
        return self._public_folders is not None

    # -- who may do what

    def grant(
        self, account: str, *, mailbox: str, folder: str | None = None, subfolders: bool = False
    ) -> None:
        """Let an account read a mailbox, or a folder of it: as `Mailbox.grant`."""
        self.mailbox(mailbox).grant(account, folder=folder, subfolders=subfolders)

    def revoke(self, account: str, *, mailbox: str) -> None:
        """Take all rights on a mailbox from an account."""
        self.mailbox(mailbox).revoke(account)

    def allow_impersonation(self, account: str, *, of: list[str] | None = None) -> None:
        """Let an account act as the owners of these mailboxes (None: of all)."""
        with self.lock:
            allowed = None if of is None else frozenset(address.lower() for address in of)
            self._accounts[account.lower()].impersonates = allowed

    def sign_in(self, name: str, password: str) -> Account | None:
        """Give the account, if this is its password and it is not locked."""
        account = self.find_account(name)
        if account is None or account.is_application:
            return None
        right = hmac.compare_digest(account.password.encode(), password.encode())
        return self.let_in(account, is_right=right)

    def let_in(self, account: Account, *, is_right: bool) -> Account | None:
        """Let an account in whose password was right, unless it is locked; too many wrong ones lock it."""
        account.wrong_passwords = 0 if is_right else account.wrong_passwords + 1
        if self.locks_after is not None and account.wrong_passwords >= self.locks_after:
            account.is_locked = True
        return account if is_right and not account.is_locked else None

    # -- what is to go wrong

    def throttle(
        self, *, times: int = 1, back_off: float | None = 0.1, mailbox: str | None = None
    ) -> None:
        """Answer the next requests with ErrorServerBusy and a hint to wait `back_off` seconds (None: without)."""
        milliseconds = None if back_off is None else int(back_off * 1000)
        self._fail(
            Failure(
                None, "ErrorServerBusy", times, mailbox, as_fault=True, back_off_ms=milliseconds
            )
        )

    def throttle_graph(
        self, *, times: int = 1, retry_after: float | None = 1, mailbox: str | None = None
    ) -> None:
        """Answer the next requests to Graph with 429, and how long to stay away (None: without)."""
        headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
        self._fail(
            Failure("graph:", "TooManyRequests", times, mailbox, status=429, headers=headers)
        )

    def quirk(self, kind: str, *, times: int = 1) -> None:
        """Let the next delta queries of Graph behave oddly.

        "empty page": a page with nothing but a link; "repeated link": the link of the page itself once more;
        "twice": the first message also at the end.
        """
        with self.lock:
            self._quirks += [kind] * times

    def take_quirk(self, kind: str) -> bool:
        """Tell whether an odd behaviour is due now."""
        if kind not in self._quirks:
            return False
        self._quirks.remove(kind)
        return True

    def planned_graph_failure(self, operation: str, mailbox: Mailbox, number: int) -> None:
        """Fail because of one message, if a test planned it. Raises GraphError."""
        failure = self.take_failure(operation, mailbox, number=number, whole=False)
        if failure is not None:
            raise GraphError(failure.status or 500, failure.code)

    def fail(
        self,
        operation: str | None = None,
        code: str = "ErrorInternalServerError",
        *,
        times: int | None = 1,
        mailbox: str | None = None,
        message: Message | None = None,
        when_asked: str | None = None,
        inner: str | None = None,
        as_fault: bool = False,
        status: int | None = None,
        headers: dict[str, str] | None = None,
        body: str = "",
        disconnect: bool = False,
    ) -> None:
        """Let something go wrong `times` times (None: until `heal`).

        Of an `operation` (None: of any) the first response message gets `code`; with `message` the one about that
        message, with `when_asked="item:MimeContent"` only where that property was asked for; `inner` is the
        InnerErrorResponseCode that hides within. Operations of Graph are named by what they ask for: "graph:messages/delta",
        "graph:message", "graph:messages/$value", "graph:$batch"; "graph:" is any. `as_fault` makes it a
        SOAP fault of the whole request, `status` a bare HTTP answer (a redirect by `headers={"Location": ...}`),
        `disconnect` a closed connection.
        """
        self._fail(
            Failure(
                operation,
                code,
                times,
                mailbox,
                message=message,
                when_asked=when_asked,
                as_fault=as_fault,
                status=status,
                headers=headers or {},
                body=body,
                inner=inner,
                disconnect=disconnect,
            )
        )

    def heal(self) -> None:
        """Let nothing go wrong any more."""
        with self.lock:
            self._failures.clear()

    def _fail(self, failure: Failure) -> None:
        with self.lock:
            self._failures.append(failure)

    def take_failure(
        self,
        operation: str,
        mailbox: Mailbox | None,
        *,
        number: int | None = None,
        asked: frozenset[str] = frozenset(),
        whole: bool,
    ) -> Failure | None:
        """Give what is to go wrong now with the whole request, or with one response message of it."""
        for failure in self._failures:
            about_whole = failure.as_fault or failure.status is not None or failure.disconnect
            if (
                about_whole != whole
                or not _is_about(failure.operation, operation)
                or (
                    failure.mailbox
                    and (not mailbox or failure.mailbox.lower() != mailbox.address.lower())
                )
                or (
                    failure.message
                    and (
                        failure.message.item.number != number
                        or failure.message.mailbox is not mailbox
                    )
                )
                or (failure.when_asked and failure.when_asked not in asked)
            ):
                continue
            if failure.times is not None:
                failure.times -= 1
                if failure.times <= 0:
                    self._failures.remove(failure)
            return failure
        return None

    # -- how it is reached

    @contextmanager
    def serve(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: bool = False,
        client_ca: Path | None = None,
    ) -> "Iterator[str]":
        """Serve in a thread of its own; gives the address, as `http://127.0.0.1:12345`.

        With `client_ca` (PEM) clients must show a certificate that it has signed.
        """
        from exchange_simulator.server import serving  # noqa: PLC0415

        with serving(self, host=host, port=port, tls=tls, client_ca=client_ca) as address:
            yield address

    def prepare(self) -> None:
        """Take all mail apart now, so that what is measured later is not the first asking."""
        from exchange_simulator.ews.item_fields import elements  # noqa: PLC0415
        from exchange_simulator.graph.resources import made_of  # noqa: PLC0415

        for mailbox in self.mailboxes:
            for message in mailbox.messages():
                with self.lock:
                    elements(mailbox, message.item)
                    made_of(mailbox, message.item)

    def close(self) -> None:
        """Let go of what is on disk."""
        self._spool.close()


def _is_about(planned: str | None, operation: str) -> bool:
    """Tell whether a planned failure is one of this operation. None is any, of EWS or Graph."""
    if planned == "graph:":
        return operation.startswith("graph:")
    return planned in (None, operation)
