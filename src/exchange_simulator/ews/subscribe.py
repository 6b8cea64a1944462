"""Subscribe, Unsubscribe and GetEvents: to be told what happens, by streaming or by asking (pull)."""

from lxml import etree

from exchange_simulator.ews import events
from exchange_simulator.ews.batch import batch
from exchange_simulator.ews.caller import Caller
from exchange_simulator.ews.soap import EwsError, M, SoapFaultError, T
from exchange_simulator.mailbox import Mailbox
from exchange_simulator.notifications import KINDS, Subscription
from exchange_simulator.versions import BEFORE_SP1

KINDS_OF_EVENTS = {f"{kind}Event": kind for kind in KINDS} | {"FreeBusyChangedEvent": "FreeBusy"}


def subscribe(caller: Caller, request: etree._Element) -> str:
    """Begin to keep what happens in folders of one mailbox, or in all of the caller's own."""
    asked = next(iter(request), None)
    kinds = {"StreamingSubscriptionRequest": True, "PullSubscriptionRequest": False}
    kind = None if asked is None else etree.QName(asked).localname
    if kind == "StreamingSubscriptionRequest" and caller.claimed in BEFORE_SP1:
        raise SoapFaultError("ErrorSchemaValidation")
    if asked is None or kind not in kinds:
        raise SoapFaultError("ErrorInvalidOperation", f"{kind} is not simulated.")
    wanted = [
        KINDS_OF_EVENTS.get((element.text or "").strip())
        for element in asked.iterfind(f"{T}EventTypes/{T}EventType")
    ]
    if not wanted or None in wanted:
        raise SoapFaultError("ErrorSchemaValidation", "The EventTypes are invalid.")

    def answer(_: etree._Element) -> str:
        mailbox, folders = _where(caller, asked)
        if len(folders or ()) > 1 and mailbox.kind == "public":
            raise EwsError("ErrorInvalidSubscriptionRequest")
        caller.planned_failure()
        subscription = Subscription(
            owner=caller.account,
            mailbox=mailbox,
            folders=folders,
            kinds=frozenset(kind for kind in wanted if kind is not None),
            is_streaming=kinds[kind],
        )
        caller.exchange.subscriptions.add(subscription)
        mark = "" if subscription.is_streaming else events.watermark(subscription, 0)
        return f"<m:SubscriptionId>{subscription.id}</m:SubscriptionId>" + (
            f"<m:Watermark>{mark}</m:Watermark>" if mark else ""
        )

    return batch(caller, "Subscribe", [request], answer)


def _where(caller: Caller, asked: etree._Element) -> tuple[Mailbox, frozenset[int] | None]:
    """Read which folders are meant: of one mailbox, which the caller may read as a whole."""
    if asked.get("SubscribeToAllFolders") in ("true", "1"):
        if asked.find(f"{T}FolderIds") is not None:
            raise EwsError("ErrorInvalidSubscriptionRequest")
        own = caller.exchange.find_mailbox(caller.acting_as)
        if own is None:
            raise EwsError("ErrorNonExistentMailbox")
        caller.meet(own)
        return own, None
    found = [caller.folder(element) for element in caller.elements(asked.find(f"{T}FolderIds"))]
    mailboxes = {id(mailbox): mailbox for mailbox, _ in found}
    if len(mailboxes) != 1:
        raise EwsError("ErrorInvalidSubscriptionRequest")
    mailbox = found[0][0]
    if not mailbox.may_read(caller.acting_as):
        raise EwsError("ErrorSubscriptionDelegateAccessNotSupported")
    return mailbox, frozenset(folder.number for _, folder in found)


def unsubscribe(caller: Caller, request: etree._Element) -> str:
    """Forget a subscription."""

    def answer(_: etree._Element) -> str:
        subscription = own(caller, request.findtext(f"{M}SubscriptionId", ""))
        caller.planned_failure()
        caller.exchange.subscriptions.remove(subscription.id)
        return ""

    return batch(caller, "Unsubscribe", [request], answer)


def get_events(caller: Caller, request: etree._Element) -> str:
    """Tell what happened after a watermark."""

    def answer(_: etree._Element) -> str:
        subscription = own(caller, request.findtext(f"{M}SubscriptionId", ""))
        caller.planned_failure()
        if subscription.is_streaming:
            raise EwsError("ErrorInvalidPullSubscriptionId")
        previous = events.read_watermark(subscription, request.findtext(f"{M}Watermark", ""))
        check_missed(caller, subscription)
        while subscription.events and subscription.events[0][0] <= previous:
            subscription.events.popleft()
        return events.notification(subscription, list(subscription.events), previous=previous)

    return batch(caller, "GetEvents", [request], answer)


def own(caller: Caller, id_: str) -> Subscription:
    """Find a subscription that the caller made."""
    subscription = caller.exchange.subscriptions.find(id_)
    if subscription is None:
        raise EwsError("ErrorSubscriptionNotFound")
    caller.about = subscription.mailbox
    if subscription.owner != caller.account:
        raise EwsError("ErrorSubscriptionAccessDenied")
    return subscription


def check_missed(caller: Caller, subscription: Subscription) -> None:
    """Refuse a subscription for which more happened than is kept; it is of no use any more."""
    if subscription.has_missed:
        caller.exchange.subscriptions.remove(subscription.id)
        raise EwsError("ErrorMissedNotificationEvents")
