"""GetStreamingEvents: one answer of many envelopes, which hangs until something happens."""

import asyncio
from collections.abc import AsyncGenerator

from lxml import etree

from exchange_simulator.ews import events, soap
from exchange_simulator.ews.caller import Caller
from exchange_simulator.ews.soap import EwsError, M, SoapFaultError
from exchange_simulator.ews.subscribe import check_missed, own
from exchange_simulator.notifications import Subscription

MAX_MINUTES = 30
OPERATION = "GetStreamingEvents"


class Stream:
    """What a connection is told that waits for events."""

    def __init__(self, caller: Caller, subscriptions: list[str], minutes: int) -> None:
        self._caller = caller
        self._exchange = caller.exchange
        self._waiting = subscriptions
        self._minutes = minutes
        self._ended: str | None = None

    @property
    def is_cut(self) -> bool:
        """The connection is to be closed in the middle of things."""
        return self._ended == ""

    async def envelopes(self) -> AsyncGenerator[bytes, None]:
        """Give each envelope when it is due."""
        loop, wake = asyncio.get_running_loop(), asyncio.Event()

        def woken(code: str | None) -> None:
            self._ended = self._ended if code is None else code
            loop.call_soon_threadsafe(wake.set)

        streams = self._exchange.subscriptions.streams
        streams[self] = (self._caller.account, woken)
        try:
            end = loop.time() + self._minutes * self._exchange.streaming_minute
            yield self._said(soap.success(OPERATION, _status("OK")))
            while True:
                wake.clear()
                with self._exchange.lock:
                    messages = list(self._messages())
                for message in messages:
                    yield self._said(message)
                if self._ended is not None or not self._waiting:
                    return
                if loop.time() >= end:
                    yield self._said(soap.success(OPERATION, _status("Closed")))
                    return
                try:
                    within = min(end - loop.time(), self._exchange.heartbeat)
                    await asyncio.wait_for(wake.wait(), within)
                except TimeoutError:
                    if loop.time() < end:
                        yield self._said(soap.success(OPERATION, _status("OK")))
        finally:
            del streams[self]

    def _messages(self) -> "list[str]":
        """Take what there is to say now: events, subscriptions that are of no use (any more), the end."""
        if self._ended is not None:
            return [_failed(EwsError(self._ended), self._waiting, "Closed")] if self._ended else []
        told, failed = [], []
        for id_ in list(self._waiting):
            try:
                subscription = _streaming(self._caller, id_)
            except EwsError as error:
                self._waiting.remove(id_)
                failed.append(_failed(error, [id_], "OK" if self._waiting else "Closed"))
                continue
            found = list(subscription.events)
            subscription.events.clear()
            if found:
                told.append(events.notification(subscription, found))
        if told:
            written = f"<m:Notifications>{''.join(told)}</m:Notifications>"
            failed.insert(0, soap.success(OPERATION, written))
        return failed

    def _said(self, message: str) -> bytes:
        return soap.envelope(self._caller.version, soap.response(OPERATION, [message]))


def get_streaming_events(caller: Caller, request: etree._Element) -> Stream | str:
    """Make the stream of the events of some subscriptions; an answer at once where it was planned to fail.

    Raises SoapFaultError for a wrong request, and for more than may hang at once.
    """
    named = [element.text or "" for element in request.iterfind(f"{M}SubscriptionIds/*")]
    try:
        minutes = int(request.findtext(f"{M}ConnectionTimeout", ""))
    except ValueError:
        minutes = 0
    if not named or not 1 <= minutes <= MAX_MINUTES:
        raise SoapFaultError("ErrorSchemaValidation", "The request failed schema validation.")
    hanging = [account for account, _ in caller.exchange.subscriptions.streams.values()]
    if hanging.count(caller.account) >= caller.exchange.hanging_connection_limit:
        raise SoapFaultError("ErrorExceededConnectionCount")
    known = caller.exchange.subscriptions.find(named[0])
    caller.about = known.mailbox if known else caller.about
    try:
        caller.planned_failure()
    except EwsError as error:
        caller.first_code = error.code
        return soap.response(OPERATION, [_failed(error, named, "Closed")])
    return Stream(caller, named, minutes)


def _streaming(caller: Caller, id_: str) -> Subscription:
    subscription = own(caller, id_)
    if not subscription.is_streaming:
        raise EwsError("ErrorInvalidSubscription")
    check_missed(caller, subscription)
    return subscription


def _status(status: str) -> str:
    return f"<m:ConnectionStatus>{status}</m:ConnectionStatus>"


def _failed(error: EwsError, ids: list[str], status: str) -> str:
    # In the namespace of messages, as real servers write them, though the schema has that of types.
    named = "".join(f"<m:SubscriptionId>{soap.text(id_)}</m:SubscriptionId>" for id_ in ids)
    named = f"<m:ErrorSubscriptionIds>{named}</m:ErrorSubscriptionIds>" if ids else ""
    return soap.failure(OPERATION, error, named + _status(status))
