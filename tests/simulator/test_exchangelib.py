"""exchangelib, which knows nothing of this simulator, reads whole mailboxes from it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import exchangelib
import pytest
from exchangelib.protocol import Protocol, close_connections

from exchange_simulator import Exchange
from tests.simulator.mails import mail
from tests.simulator.test_items import INVITATION

pytestmark = [pytest.mark.stranger]
VERSIONS = ["Exchange2010_SP2", "Exchange2013", "Exchange2016", "Exchange2019", "ExchangeSE"]
BOB = "bob@example.com"


class Application(exchangelib.OAuth2Credentials):  # type: ignore[misc]
    """The application of the tests, whose tokens come from the simulator itself."""

    def __init__(self, address: str) -> None:
        identity = exchangelib.Identity(primary_smtp_address=BOB)
        super().__init__("app", "app-secret", tenant_id="contoso.example", identity=identity)
        self.address = address

    @property
    def token_url(self) -> str:
        return f"{self.address}/contoso.example/oauth2/v2.0/token"


@contextmanager
def account(
    exchange: Exchange, mailbox: str, *, auth_type: str = "basic", **options: Any
) -> Iterator[Any]:
    """Sign in as the service account, or as the application, to a mailbox."""
    with exchange.serve() as address:
        credentials = (
            Application(address)
            if auth_type == exchangelib.OAUTH2
            else exchangelib.Credentials("svc@example.com", "secret")
        )
        configuration = exchangelib.Configuration(
            service_endpoint=f"{address}/EWS/Exchange.asmx",
            credentials=credentials,
            auth_type=auth_type,
            retry_policy=exchangelib.FailFast(),
        )
        opened = exchangelib.Account(
            mailbox,
            config=configuration,
            autodiscover=False,
            **{"access_type": "delegate"} | options,
        )
        try:
            yield opened
        finally:
            # Not this one alone: who is kept is found again by port, with the version of who had the port before.
            close_connections()


@pytest.fixture
def filled(make_exchange: Callable[..., Exchange]) -> Callable[[str], Exchange]:
    def fill(version: str) -> Exchange:
        exchange = make_exchange(version)
        exchange.account("svc@example.com")
        exchange.mailbox("svc@example.com")
        exchange.grant("svc@example.com", mailbox=BOB)
        bob = exchange.mailbox(BOB)
        bob.deliver(mail("In the inbox", attachment=b"%PDF", message_id="<1@x>"))
        bob.deliver(mail("Deep", html="<p>Deep</p>", message_id="<2@x>"), "Inbox/Orders/Old")
        bob.deliver(mail("Done", message_id="<3@x>"), "Archive")
        return exchange

    return fill


@pytest.mark.parametrize("version", VERSIONS)
def test_reads_every_message_of_every_folder(
    filled: Callable[[str], Exchange], version: str
) -> None:
    with account(filled(version), BOB) as bob:
        found = {
            item.message_id: (folder.name, item.subject, item.sender.email_address)
            for folder in bob.msg_folder_root.walk()
            for item in folder.all()
        }
        pdf = bob.inbox.all()[0].attachments[0]
        assert pdf.name == "order.pdf"
        assert pdf.content == b"%PDF"
    assert found == {
        "<1@x>": ("Inbox", "In the inbox", "ann@example.com"),
        "<2@x>": ("Old", "Deep", "ann@example.com"),
        "<3@x>": ("Archive", "Done", "ann@example.com"),
    }


def test_reads_exchange_online() -> None:
    # Without the watch over the schema: exchangelib asks for a folder that came after the last published one.
    exchange = Exchange(version="ExchangeOnline")
    exchange.account("svc@example.com")
    exchange.mailbox(BOB).deliver(mail("In the inbox"))
    exchange.grant("svc@example.com", mailbox=BOB)
    with account(exchange, BOB) as bob:
        assert [item.subject for f in bob.msg_folder_root.walk() for item in f.all()] == [
            "In the inbox"
        ]
    exchange.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_follows_what_changes(filled: Callable[[str], Exchange], version: str) -> None:
    exchange = filled(version)
    box = exchange.mailbox(BOB)
    with account(exchange, BOB) as bob:
        first = list(bob.inbox.sync_items(only_fields=["subject"]))
        assert [(kind, item.subject) for kind, item in first] == [("create", "In the inbox")]
        state = bob.inbox.item_sync_state
        message = box.deliver(mail("New", message_id="<4@x>"))
        box.messages("Inbox")[0].move("Archive")
        message.mark_read()
        changes = [kind for kind, _ in bob.inbox.sync_items(sync_state=state)]
        assert changes == ["delete", "create"]
        tree = [(kind, folder.name) for kind, folder in bob.msg_folder_root.sync_hierarchy()]
        assert ("create", "Orders") in tree


@pytest.mark.parametrize("version", VERSIONS)
def test_is_told_that_a_place_is_lost(filled: Callable[[str], Exchange], version: str) -> None:
    with account(filled(version), BOB) as bob:
        for changes in (bob.inbox.sync_items, bob.msg_folder_root.sync_hierarchy):
            with pytest.raises(exchangelib.errors.ErrorInvalidSyncStateData):
                list(changes(sync_state="AAAA"))


@pytest.mark.parametrize("version", VERSIONS)
def test_impersonates(filled: Callable[[str], Exchange], version: str) -> None:
    exchange = filled(version)
    exchange.revoke("svc@example.com", mailbox=BOB)
    with account(exchange, BOB, access_type="impersonation") as bob:
        with pytest.raises(exchangelib.errors.ErrorImpersonateUserDenied):
            list(bob.inbox.all())
        exchange.allow_impersonation("svc@example.com", of=[BOB])
        assert [item.subject for item in bob.inbox.all()] == ["In the inbox"]


@pytest.mark.parametrize("auth_type", [exchangelib.NTLM, exchangelib.BASIC])
def test_signs_in_as_exchange_lets_it(filled: Callable[[str], Exchange], auth_type: str) -> None:
    exchange = filled("Exchange2013")
    exchange.offers = ("Negotiate", "NTLM", "Basic")
    with account(exchange, BOB, auth_type=auth_type) as bob:
        assert [item.subject for item in bob.inbox.all()] == ["In the inbox"]


def test_signs_in_by_a_token(
    filled: Callable[[str], Exchange], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    exchange = filled("Exchange2019")
    exchange.application("app")
    options = {"auth_type": exchangelib.OAUTH2, "access_type": exchangelib.IMPERSONATION}
    with account(exchange, BOB, **options) as bob:
        assert [item.subject for item in bob.inbox.all()] == ["In the inbox"]
    assert {r.account for r in exchange.requests} == {"app"}


def test_filters_sorts_and_fetches_in_batches(filled: Callable[[str], Exchange]) -> None:
    exchange = filled("Exchange2016")
    box = exchange.mailbox(BOB)
    for n in range(30):
        at = datetime(2026, 3, 1, 12, n, tzinfo=UTC)
        box.deliver(mail(f"Order {n:02}", message_id=f"<o{n}@x>"), "Orders", at=at)
    with account(exchange, BOB) as bob:
        orders = bob.msg_folder_root / "Orders"
        assert [m.subject for m in orders.filter(subject__icontains="order 1")] == [
            f"Order {n}" for n in range(19, 9, -1)
        ]
        after = datetime(2026, 3, 1, 12, 27, tzinfo=UTC)
        newest = orders.filter(datetime_received__gte=after).order_by("datetime_received")
        assert [m.subject for m in newest] == ["Order 27", "Order 28", "Order 29"]
        ids = list(orders.all().only("id", "changekey"))
        fetched = list(bob.fetch(ids, chunk_size=7))
        assert {m.message_id for m in fetched} == {f"<o{n}@x>" for n in range(30)}
        assert orders.filter(is_read=True).count() == 0
        assert orders.all().order_by("-subject")[0].subject == "Order 29"


def test_is_told_at_once_what_is_not_simulated(filled: Callable[[str], Exchange]) -> None:
    exchange = filled("Exchange2016")
    with account(exchange, BOB) as bob:
        assert bob.inbox.total_count == 1
        before = len(exchange.requests)
        with pytest.raises(exchangelib.errors.ErrorInvalidOperation, match="QueryString is not"):
            list(bob.inbox.filter("subject:hello"))
        with pytest.raises(exchangelib.errors.ErrorInvalidOperation, match="CreateItem is not"):
            exchangelib.Message(folder=bob.inbox, subject="x").save()
        assert len(exchange.requests) == before + 2


def test_resolves_names(filled: Callable[[str], Exchange]) -> None:
    with account(filled("Exchange2016"), BOB) as bob:
        assert bob.inbox.total_count == 1
        found = bob.protocol.resolve_names(["bob"])
        assert [mailbox.email_address for mailbox in found] == [BOB]


def test_reads_a_recurring_invitation(filled: Callable[[str], Exchange]) -> None:
    exchange = filled("Exchange2016")
    rule = b"RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=3\r\nLOCATION"
    exchange.mailbox(BOB).deliver(INVITATION.replace(b"LOCATION", rule), "Meetings")
    with account(exchange, BOB) as bob:
        [request] = (bob.msg_folder_root / "Meetings").all()
        assert isinstance(request, exchangelib.items.MeetingRequest)
        assert request.recurrence.boundary.number == 3
        assert request.location == "Room"


@pytest.mark.parametrize("version", VERSIONS)
def test_is_told_of_new_mail_by_streaming(filled: Callable[[str], Exchange], version: str) -> None:
    exchange = filled(version)
    exchange.streaming_minute = 0.5
    box = exchange.mailbox(BOB)
    with account(exchange, BOB) as bob, bob.inbox.streaming_subscription() as subscription:
        box.deliver(mail("New", message_id="<4@x>")).move("Archive")
        [notification] = bob.inbox.get_streaming_events(subscription, connection_timeout=1)
        kinds = [type(event).__name__ for event in notification.events]
        assert [kind for kind in kinds if kind != "ModifiedEvent"] == [
            "CreatedEvent",
            "NewMailEvent",
            "MovedEvent",
        ]
    with account(exchange, BOB) as bob, pytest.raises(exchangelib.errors.ErrorSubscriptionNotFound):
        list(bob.inbox.get_streaming_events(subscription, connection_timeout=1))


def test_knows_nothing_of_the_server_that_had_the_port_before(
    filled: Callable[[str], Exchange],
) -> None:
    with account(filled("Exchange2010_SP2"), BOB) as bob:
        assert bob.inbox.total_count == 1
    assert Protocol(config=bob.protocol.config) is not bob.protocol


def test_asks_for_events(filled: Callable[[str], Exchange]) -> None:
    exchange = filled("Exchange2016")
    with account(exchange, BOB) as bob, bob.inbox.pull_subscription() as (subscription, mark):
        exchange.mailbox(BOB).deliver(mail("New", message_id="<4@x>"))
        [notification] = bob.inbox.get_events(subscription, mark)
        assert "NewMailEvent" in [type(event).__name__ for event in notification.events]
        [notification] = bob.inbox.get_events(subscription, notification.events[-1].watermark)
        assert [type(event).__name__ for event in notification.events] == ["StatusEvent"]


def test_reads_public_folders_and_the_archive(filled: Callable[[str], Exchange]) -> None:
    exchange = filled("Exchange2016")
    exchange.public_folders.deliver(mail("Public", message_id="<p@x>"), "Team/Orders")
    exchange.mailbox(BOB).enable_archive().deliver(mail("Old", message_id="<a@x>"), "2019")
    with account(exchange, BOB) as bob:
        orders = bob.public_folders_root / "Team" / "Orders"
        assert [item.subject for item in orders.all()] == ["Public"]
        kept = bob.archive_msg_folder_root / "2019"
        assert [item.subject for item in kept.all()] == ["Old"]
        assert [kind for kind, _ in kept.sync_items()] == ["create"]
