"""What each version of Exchange knows and does not know, and mailboxes on an older server behind another."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from exchange_simulator import Exchange, Mailbox, Version
from tests.simulator.client import Client, shape
from tests.simulator.mails import mail
from tests.simulator.test_folders import distinguished
from tests.simulator.test_notifications import subscribe
from tests.simulator.test_sync import changes, is_last, state

MakeExchange = Callable[..., Exchange]


@contextmanager
def asked(exchange: Exchange, claimed: str) -> Iterator[tuple[Mailbox, Client]]:
    exchange.account("bob@example.com")
    with exchange.serve() as address:
        yield exchange.mailbox("bob@example.com"), Client(address, version=claimed)


@pytest.mark.parametrize(
    ("version", "build"),
    [
        ("Exchange2010", ("14", "0")),
        ("Exchange2010_SP2", ("14", "2")),
        ("Exchange2013", ("15", "0")),
        ("Exchange2016", ("15", "1")),
        ("ExchangeSE", ("15", "2")),
        ("ExchangeOnline", ("15", "20")),
    ],
)
def test_each_tells_its_build(
    make_exchange: MakeExchange, version: str, build: tuple[str, str]
) -> None:
    with asked(make_exchange(version), "Exchange2010") as (_, client):
        info = client.sync().all("s:Header/*")[0]
        assert (info.get("MajorVersion"), info.get("MinorVersion")) == build


def test_se_is_not_2019(make_exchange: MakeExchange) -> None:
    with asked(make_exchange("ExchangeSE"), "Exchange2016") as (_, client):
        assert client.sync().all("s:Header/*")[0].get("MajorBuildNumber") == "2562"


@pytest.mark.parametrize("version", ["Exchange2010", "Exchange2010_SP1"])
def test_before_2010_sp2_the_first_load_is_oldest_first(
    make_exchange: MakeExchange, version: str
) -> None:
    with asked(make_exchange(version), version) as (bob, client):
        delivered = [bob.deliver(mail(str(n))) for n in range(25)]
        first = client.sync(limit=10)
        new = bob.deliver(mail("new"))
        second = client.sync(state=state(first), limit=10)
        third = client.sync(state=state(second), limit=10)
        assert first.ids + second.ids + third.ids == [m.id for m in delivered]
        assert [is_last(page) for page in (first, second, third)] == [False, False, False]
        assert client.sync(state=state(third)).ids == [new.id]
        delivered[0].delete()
        after = client.sync(state=state(third))
        assert changes(after) == ["Create", "Delete"]


def test_a_later_schema_is_refused(make_exchange: MakeExchange) -> None:
    exchange = make_exchange("Exchange2010_SP1")
    with asked(exchange, "Exchange2010_SP2") as (_, client):
        assert client.sync().codes == ["ErrorInvalidServerVersion"]
        client.version = "Exchange2010_SP1"
        assert client.sync().codes == ["NoError"]


def test_a_mailbox_may_lie_on_an_older_server(make_exchange: MakeExchange) -> None:
    with asked(make_exchange("Exchange2016"), "Exchange2013") as (bob, client):
        message = bob.deliver(mail())
        bob.version = Version.EXCHANGE_2010_SP2
        refused = client.sync()
        assert (refused.status, refused.codes) == (
            500,
            ["ErrorInvalidSchemaVersionForMailboxVersion"],
        )
        assert client.get_item(message.id).codes == ["ErrorInvalidSchemaVersionForMailboxVersion"]
        client.version = "Exchange2010_SP2"
        answer = client.sync()
        assert answer.ids == [message.id]
        assert answer.all("s:Header/*")[0].get("MajorVersion") == "14"


@pytest.mark.parametrize(
    ("version", "claimed", "name"),
    [
        ("Exchange2010_SP2", "Exchange2010_SP2", "archiveinbox"),
        ("Exchange2010_SP2", "Exchange2010", "archivemsgfolderroot"),
        ("Exchange2013", "Exchange2013", "scheduled"),
        ("Exchange2016", "Exchange2013", "nonsense"),
    ],
)
def test_folders_that_a_schema_does_not_name_are_refused(
    make_exchange: MakeExchange, version: str, claimed: str, name: str
) -> None:
    with asked(make_exchange(version), claimed) as (_, client):
        refused = client.get_folder(distinguished(name))
    assert (refused.status, refused.codes) == (500, ["ErrorSchemaValidation"])


@pytest.mark.parametrize(
    ("version", "codes"),
    [("Exchange2013", ["ErrorSchemaValidation"]), ("Exchange2016", ["NoError"])],
)
def test_the_archive_folder_came_with_2016_whatever_is_claimed(
    make_exchange: MakeExchange, version: str, codes: list[str]
) -> None:
    with asked(make_exchange(version), "Exchange2013_SP1") as (bob, client):
        message = bob.deliver(mail(), "Archive")
        assert client.get_folder(distinguished("archive")).codes == codes
        if codes == ["NoError"]:
            assert client.sync(distinguished("archive")).ids == [message.id]


def test_streaming_came_with_2010_sp1(client: Client) -> None:
    client.version = "Exchange2010"
    assert subscribe(client).codes == ["ErrorSchemaValidation"]
    client.version = "Exchange2010_SP1"
    assert subscribe(client).codes == ["NoError"]


def test_an_unknown_property_fails_the_whole_request(bob: Mailbox, client: Client) -> None:
    messages = [bob.deliver(mail(str(n))).id for n in range(2)]
    for claimed, uri in [("Exchange2010_SP2", "item:Flag"), ("Exchange2013", "item:Mentions")]:
        client.version = claimed
        refused = client.get_item(*messages, shape=shape("item:Subject", uri))
        assert (refused.status, refused.codes) == (500, ["ErrorSchemaValidation"])
