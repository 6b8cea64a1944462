"""One SOAP request in, one answer out: who asks, what for, in which schema, and what is to go wrong."""

from collections.abc import Callable
from typing import NamedTuple

from lxml import etree

from exchange_simulator import ids
from exchange_simulator.ews import soap
from exchange_simulator.ews.caller import Caller
from exchange_simulator.ews.convert_id import convert_id
from exchange_simulator.ews.find_folder import find_folder
from exchange_simulator.ews.find_item import find_item
from exchange_simulator.ews.get_attachment import get_attachment
from exchange_simulator.ews.get_folder import get_folder
from exchange_simulator.ews.get_item import get_item
from exchange_simulator.ews.get_password_expiration_date import get_password_expiration_date
from exchange_simulator.ews.get_streaming_events import Stream, get_streaming_events
from exchange_simulator.ews.get_user_configuration import get_user_configuration
from exchange_simulator.ews.get_user_oof_settings import get_user_oof_settings
from exchange_simulator.ews.resolve_names import resolve_names
from exchange_simulator.ews.soap import EwsError, M, S, SoapFaultError, T
from exchange_simulator.ews.subscribe import get_events, subscribe, unsubscribe
from exchange_simulator.ews.sync_folder_hierarchy import sync_folder_hierarchy
from exchange_simulator.ews.sync_folder_items import sync_folder_items
from exchange_simulator.exchange import Account, Exchange, Failure, Request
from exchange_simulator.mailbox import Mailbox
from exchange_simulator.versions import Schema

OPERATIONS: dict[str, Callable[[Caller, etree._Element], str | Stream]] = {
    "ConvertId": convert_id,
    "FindFolder": find_folder,
    "FindItem": find_item,
    "GetAttachment": get_attachment,
    "GetEvents": get_events,
    "GetFolder": get_folder,
    "GetItem": get_item,
    "GetPasswordExpirationDate": get_password_expiration_date,
    "GetStreamingEvents": get_streaming_events,
    "GetUserConfiguration": get_user_configuration,
    "GetUserOofSettingsRequest": get_user_oof_settings,
    "ResolveNames": resolve_names,
    "Subscribe": subscribe,
    "SyncFolderHierarchy": sync_folder_hierarchy,
    "SyncFolderItems": sync_folder_items,
    "Unsubscribe": unsubscribe,
}

SYNC_BACK_OFF_MS = 5000
"""What a server was seen to suggest (part C, row 8)."""

_PARSER = etree.XMLParser(
    resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True
)


class Answer(NamedTuple):
    """What goes back over HTTP."""

    status: int
    body: bytes
    failure: Failure | None = None
    """Something that the transport must do: another status, or a closed connection."""
    stream: Stream | None = None
    """What is to be sent instead of the body, bit by bit."""
    about: Mailbox | None = None
    """The mailbox that was asked about."""


def answer(exchange: Exchange, account: Account, body: bytes, *, session: str = "") -> Answer:
    """Answer one request of an account that signed in. `session` names the mailbox whose cookie it sends."""
    caller = Caller(exchange, account.name, account.name, Schema.EXCHANGE_2010)
    with exchange.lock:
        try:
            operation, request, header = _read(body)
            caller.operation = operation
            _admit(caller, account, header)
            if account.under_way > exchange.max_concurrency:
                raise SoapFaultError("ErrorExceededConnectionCount")
            if operation.startswith("SyncFolder"):
                _check_syncs(exchange, account)
            about = _about(caller, request)
            if exchange.checks_cookies and session and about and session != about.guid:
                raise SoapFaultError("ErrorInternalServerTransientError")
            failure = exchange.take_failure(operation, about, whole=True)
            if failure is not None and not failure.as_fault:
                caller.first_code = failure.code
                return Answer(failure.status or 500, b"", failure)
            if failure is not None:
                back_off = failure.back_off_ms
                values = {} if back_off is None else {"BackOffMilliseconds": str(back_off)}
                raise SoapFaultError(failure.code, values=values)
            perform = OPERATIONS.get(operation)
            if perform is None:
                raise SoapFaultError("ErrorInvalidOperation", f"{operation} is not simulated.")
            done = perform(caller, request)
            if isinstance(done, Stream):
                return Answer(200, b"", stream=done)
            return Answer(200, soap.envelope(caller.version, done), about=caller.about)
        except EwsError as error:
            caller.first_code = error.code
            return Answer(500, soap.fault(error))
        finally:
            exchange.requests.append(
                Request(
                    caller.operation or "?",
                    account.name,
                    caller.about.address if caller.about else None,
                    caller.first_code,
                )
            )


def _read(body: bytes) -> tuple[str, etree._Element, etree._Element | None]:
    try:
        root = etree.fromstring(body, _PARSER)
    except etree.XMLSyntaxError as error:
        raise SoapFaultError(
            "ErrorSchemaValidation", "The request is not well-formed XML."
        ) from error
    content = root.find(f"{S}Body")
    request = None if content is None else next(iter(content), None)
    if request is None or etree.QName(request).namespace != soap.MESSAGES:
        raise SoapFaultError("ErrorSchemaValidation", "The request failed schema validation.")
    return etree.QName(request).localname, request, root.find(f"{S}Header")


def _admit(caller: Caller, account: Account, header: etree._Element | None) -> None:
    """Read the version and whom the caller acts for; refuse what this server does not know or allow."""
    version = None if header is None else header.find(f"{T}RequestServerVersion")
    if version is not None:
        schema = caller.exchange.version.requests.get(version.get("Version", ""))
        if schema is None:
            raise SoapFaultError("ErrorInvalidServerVersion")
        caller.schema, caller.claimed = schema, version.get("Version", "")
    path = f"{T}ExchangeImpersonation/{T}ConnectingSID"
    impersonation = None if header is None else header.find(path)
    if impersonation is None:
        if account.is_application:
            raise SoapFaultError(
                "ErrorInvalidExchangeImpersonationHeaderData",
                "ExchangeImpersonation SOAP header must be present for this type of OAuth token.",
            )
        return
    owner = next((child.text or "" for child in impersonation), "")
    owner = owner.strip()
    if not owner:
        raise SoapFaultError("ErrorInvalidExchangeImpersonationHeaderData")
    mailbox = caller.exchange.find_mailbox(owner)
    if mailbox is None:
        raise SoapFaultError("ErrorNonExistentMailbox")
    caller.meet(mailbox)
    if account.impersonates is not None and owner.lower() not in account.impersonates:
        raise SoapFaultError("ErrorImpersonateUserDenied")
    caller.acting_as = mailbox.address


def _check_syncs(exchange: Exchange, account: Account) -> None:
    limit = exchange.concurrent_sync_calls
    if limit is not None and account.syncs_under_way > limit:
        words = (
            "The server cannot service this request right now. Try again later. This operation exceeds the throttling"
            f" budget for policy part 'ConcurrentSyncCalls', policy value '{limit}'. Suggested backoff time"
            f" {SYNC_BACK_OFF_MS} ms."
        )
        raise SoapFaultError(
            "ErrorServerBusy", words, values={"BackOffMilliseconds": str(SYNC_BACK_OFF_MS)}
        )


def _about(caller: Caller, request: etree._Element) -> Mailbox | None:
    """Tell which mailbox a request is about before it is performed, as far as it says."""
    if caller.about is not None:
        return caller.about
    address = request.findtext(f".//{T}Mailbox/{T}EmailAddress")
    if address:
        return caller.exchange.find_mailbox(address.strip())
    for element in request.iter(f"{T}SubscriptionId", f"{M}SubscriptionId"):
        subscription = caller.exchange.subscriptions.find(element.text or "")
        return subscription.mailbox if subscription else None
    for element in request.iter(f"{T}ItemId", f"{T}FolderId", f"{T}AttachmentId"):
        return caller.exchange.mailbox_by_guid(ids.guid(element.get("Id", "")))
    return caller.exchange.find_mailbox(caller.acting_as)
