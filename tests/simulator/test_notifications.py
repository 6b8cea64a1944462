"""Notifications: who subscribed is told what happens, by streaming or when asking."""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from lxml import etree

from exchange_simulator import Exchange, Mailbox
from tests.simulator.client import SPACES, Answer, Client, inbox_of
from tests.simulator.mails import mail

ALL = ("NewMail", "Created", "Deleted", "Modified", "Moved", "Copied")
INBOX = '<t:DistinguishedFolderId Id="inbox"/>'


def subscribe(
    client: Client, *kinds: str, folders: str = INBOX, everywhere: bool = False, pull: bool = False
) -> Answer:
    where = "" if everywhere else f"<t:FolderIds>{folders}</t:FolderIds>"
    types = "".join(f"<t:EventType>{kind}Event</t:EventType>" for kind in kinds or ALL)
    name = "PullSubscriptionRequest" if pull else "StreamingSubscriptionRequest"
    attribute = ' SubscribeToAllFolders="true"' if everywhere else ""
    timeout = "<t:Timeout>10</t:Timeout>" if pull else ""
    return client.ask(
        f"<m:Subscribe><m:{name}{attribute}>{where}<t:EventTypes>{types}</t:EventTypes>{timeout}"
        f"</m:{name}></m:Subscribe>"
    )


def subscription(client: Client, *kinds: str, **options: object) -> str:
    answer = subscribe(client, *kinds, **options)  # type: ignore[arg-type]
    assert answer.codes == ["NoError"]
    return answer.text(".//m:SubscriptionId") or ""


class Stream:
    """A connection that is told what happens."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self._answer = answer
        self.status = answer.status
        self._read = b""

    def next(self) -> etree._Element | None:
        """Wait for an envelope; None at the end."""
        while b"</s:Envelope>" not in self._read:
            more = self._answer.read1(65536)
            if not more:
                return None
            self._read += more
        envelope, end, self._read = self._read.partition(b"</s:Envelope>")
        return etree.fromstring(envelope + end)

    def events(self) -> list[str]:
        """Name the events of the next envelope."""
        found = self.next()
        assert found is not None
        return [
            etree.QName(event).localname
            for event in found.iterfind(".//m:Notification/*", SPACES)
            if not str(event.tag).endswith("SubscriptionId")
        ]

    def said(self) -> tuple[str | None, str | None]:
        """Read code and connection status of the next envelope."""
        found = self.next()
        assert found is not None
        return found.findtext(".//m:ResponseCode", None, SPACES), found.findtext(
            ".//m:ConnectionStatus", None, SPACES
        )


@contextmanager
def streaming(client: Client, *subscriptions: str, minutes: int = 30) -> Iterator[Stream]:
    named = "".join(f"<t:SubscriptionId>{id_}</t:SubscriptionId>" for id_ in subscriptions)
    body = client.envelope(
        f"<m:GetStreamingEvents><m:SubscriptionIds>{named}</m:SubscriptionIds>"
        f"<m:ConnectionTimeout>{minutes}</m:ConnectionTimeout></m:GetStreamingEvents>"
    )
    connection = http.client.HTTPConnection(client.address.removeprefix("http://"), timeout=30)
    try:
        connection.request("POST", "/EWS/Exchange.asmx", body, client.sent())
        yield Stream(connection.getresponse())
    finally:
        connection.close()


def test_new_mail_is_told_at_once(bob: Mailbox, client: Client) -> None:
    with streaming(client, subscription(client)) as stream:
        assert stream.said() == ("NoError", "OK")
        message = bob.deliver(mail())
        found = stream.next()
        assert found is not None
        notification = found.find(".//m:Notification", SPACES)
        assert notification is not None
        new = notification.find("t:NewMailEvent", SPACES)
        assert new is not None
        assert [etree.QName(child).localname for child in new] == [
            "TimeStamp",
            "ItemId",
            "ParentFolderId",
        ]
        item = new.find("t:ItemId", SPACES)
        assert item is not None
        assert client.get_item(str(item.get("Id"))).ids == [message.id]


def test_everything_is_told_that_happens(bob: Mailbox, client: Client) -> None:
    with streaming(client, subscription(client, everywhere=True)) as stream:
        stream.said()
        message = bob.deliver(mail())
        assert stream.events() == ["CreatedEvent", "NewMailEvent", "ModifiedEvent"]
        message.mark_read()
        assert stream.events() == ["ModifiedEvent", "ModifiedEvent"]
        message.edit(subject="Another")
        assert stream.events() == ["ModifiedEvent"]
        message.copy("Drafts")
        assert stream.events() == ["CopiedEvent", "ModifiedEvent"]
        message.move("Sent Items")
        assert stream.events() == ["MovedEvent", "ModifiedEvent", "ModifiedEvent"]
        message.delete()
        assert stream.events() == ["DeletedEvent", "ModifiedEvent"]
        bob.make_folder("New")
        assert stream.events() == ["CreatedEvent"]
        bob.move_folder("New", "Inbox")
        assert stream.events() == ["MovedEvent"]
        bob.rename_folder("Inbox/New", "Old")
        assert stream.events() == ["ModifiedEvent"]
        bob.delete_folder("Inbox/Old")
        assert stream.events() == ["DeletedEvent"]


def test_only_what_was_asked_for_is_told(bob: Mailbox, client: Client) -> None:
    with streaming(client, subscription(client, "NewMail", "Moved")) as stream:
        stream.said()
        bob.deliver(mail(), "Elsewhere")
        bob.deliver(mail("A draft"), is_draft=True)
        message = bob.deliver(mail())
        assert stream.events() == ["NewMailEvent"]
        message.move("Elsewhere")
        assert stream.events() == ["MovedEvent"]


def test_what_happened_between_two_connections_is_told_by_the_second(
    bob: Mailbox, client: Client
) -> None:
    id_ = subscription(client, "NewMail")
    bob.deliver(mail())
    with streaming(client, id_) as stream:
        assert stream.said() == ("NoError", "OK")
        assert stream.events() == ["NewMailEvent"]


def test_a_connection_says_that_it_stands_and_ends_in_time(
    exchange: Exchange, client: Client
) -> None:
    exchange.heartbeat, exchange.streaming_minute = 0.05, 0.2
    with streaming(client, subscription(client), minutes=1) as stream:
        said = [stream.said() for _ in range(2)]
        while said[-1][1] == "OK":
            said.append(stream.said())
        assert said[:2] == [("NoError", "OK"), ("NoError", "OK")]
        assert said[-1] == ("NoError", "Closed")
        assert stream.next() is None


def test_a_subscription_that_is_gone_is_named_and_the_others_go_on(
    exchange: Exchange, bob: Mailbox, client: Client
) -> None:
    kept = subscription(client, "NewMail")
    with streaming(client, "nonsense", kept) as stream:
        stream.said()
        found = stream.next()
        assert found is not None
        assert found.findtext(".//m:ResponseCode", None, SPACES) == "ErrorSubscriptionNotFound"
        assert [e.text for e in found.iterfind(".//m:ErrorSubscriptionIds/*", SPACES)] == [
            "nonsense"
        ]
        bob.deliver(mail())
        assert stream.events() == ["NewMailEvent"]
        exchange.subscriptions.clear()
        assert stream.said() == ("ErrorSubscriptionNotFound", "Closed")
        assert stream.next() is None


def test_who_unsubscribes_is_told_no_more(client: Client) -> None:
    id_ = subscription(client)
    with streaming(client, id_) as stream:
        stream.said()
        gone = client.ask(
            f"<m:Unsubscribe><m:SubscriptionId>{id_}</m:SubscriptionId></m:Unsubscribe>"
        )
        assert gone.codes == ["NoError"]
        assert stream.said() == ("ErrorSubscriptionNotFound", "Closed")
    again = client.ask(f"<m:Unsubscribe><m:SubscriptionId>{id_}</m:SubscriptionId></m:Unsubscribe>")
    assert again.codes == ["ErrorSubscriptionNotFound"]


def test_connections_can_be_ended(exchange: Exchange, client: Client) -> None:
    id_ = subscription(client)
    with streaming(client, id_) as stream:
        stream.said()
        exchange.subscriptions.end_streams("ErrorReadEventsFailed")
        assert stream.said() == ("ErrorReadEventsFailed", "Closed")
        assert stream.next() is None
    with streaming(client, id_) as stream:
        stream.said()
        exchange.subscriptions.end_streams("")
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            stream.next()


def test_a_subscription_for_which_too_much_happened_is_of_no_use(
    exchange: Exchange, bob: Mailbox, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(exchange.subscriptions), "KEPT", 2)
    id_ = subscription(client, "NewMail")
    for n in range(3):
        bob.deliver(mail(str(n)))
    with streaming(client, id_) as stream:
        stream.said()
        assert stream.said() == ("ErrorMissedNotificationEvents", "Closed")


def test_no_more_connections_hang_than_allowed(exchange: Exchange, client: Client) -> None:
    exchange.hanging_connection_limit = 1
    id_ = subscription(client)
    with streaming(client, id_) as first, streaming(client, id_) as second:
        assert first.said() == ("NoError", "OK")
        assert second.status == 500
    assert client.sync().codes == ["NoError"], "they do not count as requests under way"


def test_it_can_be_planned_to_fail(exchange: Exchange, client: Client) -> None:
    id_ = subscription(client)
    exchange.fail("GetStreamingEvents", "ErrorReadEventsFailed")
    with streaming(client, id_) as stream:
        assert stream.said() == ("ErrorReadEventsFailed", "Closed")
        assert stream.next() is None
    with streaming(client, id_) as stream:
        assert stream.said() == ("NoError", "OK")


def test_who_may_not_read_may_not_subscribe(
    exchange: Exchange, bob: Mailbox, client: Client
) -> None:
    mine = subscription(client)
    exchange.account("eve@example.com")
    client.name = "eve@example.com"
    whose = inbox_of(bob.address)
    assert subscribe(client, folders=whose).codes == ["ErrorAccessDenied"]
    bob.grant("eve@example.com", folder="Inbox")
    assert subscribe(client, folders=whose).codes == ["ErrorSubscriptionDelegateAccessNotSupported"]
    bob.grant("eve@example.com")
    assert subscribe(client, folders=whose).codes == ["NoError"]
    assert subscribe(client, everywhere=True).codes == ["ErrorNonExistentMailbox"]
    with streaming(client, mine) as stream:
        stream.said()
        assert stream.said() == ("ErrorSubscriptionAccessDenied", "Closed")


def test_a_subscription_is_of_one_mailbox(exchange: Exchange, client: Client) -> None:
    exchange.mailbox("carl@example.com").grant("bob@example.com")
    both = INBOX + inbox_of("carl@example.com")
    assert subscribe(client, folders=both).codes == ["ErrorInvalidSubscriptionRequest"]


def test_events_can_be_asked_for(bob: Mailbox, client: Client) -> None:
    subscribed = subscribe(client, "NewMail", pull=True)
    id_, mark = (subscribed.text(f".//m:{name}") or "" for name in ("SubscriptionId", "Watermark"))

    def get(watermark: str) -> Answer:
        return client.ask(
            f"<m:GetEvents><m:SubscriptionId>{id_}</m:SubscriptionId>"
            f"<m:Watermark>{watermark}</m:Watermark></m:GetEvents>"
        )

    assert [e.tag for e in get(mark).all(".//t:StatusEvent/*")] == [f"{{{SPACES['t']}}}Watermark"]
    bob.deliver(mail())
    for _ in range(2):
        found = get(mark)
        assert len(found.all(".//t:NewMailEvent")) == 1, "told again until the next mark is sent"
    mark = found.text(".//t:NewMailEvent/t:Watermark") or ""
    assert len(get(mark).all(".//t:NewMailEvent")) == 0
    assert get("nonsense").codes == ["ErrorInvalidWatermark"]
