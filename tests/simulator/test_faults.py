"""What goes wrong, as Exchange says it."""

import http.client
from concurrent.futures import ThreadPoolExecutor

import pytest

from exchange_simulator import Exchange, Mailbox
from tests.simulator.client import Client, shape
from tests.simulator.mails import mail


def test_a_throttled_account_is_told_how_long_to_wait(exchange: Exchange, client: Client) -> None:
    exchange.throttle(times=2, back_off=1.5)
    busy = client.sync()
    assert (busy.status, busy.codes) == (500, ["ErrorServerBusy"])
    assert busy.text(".//t:MessageXml/t:Value[@Name='BackOffMilliseconds']") == "1500"
    assert busy.text(".//faultcode") == "a:ErrorServerBusy"
    assert busy.all("s:Header") == []
    exchange.throttle(back_off=None)
    assert client.sync().codes == ["ErrorServerBusy"]
    assert client.sync().all(".//t:Value") == []
    assert client.sync().codes == ["NoError"]


def test_one_item_of_a_batch_can_be_broken(
    exchange: Exchange, bob: Mailbox, client: Client
) -> None:
    one, two, three = (bob.deliver(mail(str(n))) for n in range(3))
    exchange.fail("GetItem", "ErrorItemCorrupt", message=two, times=None)
    answer = client.get_item(one.id, two.id, three.id)
    assert answer.codes == ["NoError", "ErrorItemCorrupt", "NoError"]
    exchange.heal()
    assert client.get_item(two.id).codes == ["NoError"]


def test_an_item_can_be_broken_for_one_property_alone(
    exchange: Exchange, bob: Mailbox, client: Client
) -> None:
    message = bob.deliver(mail())
    exchange.fail(
        "GetItem",
        "ErrorMimeContentConversionFailed",
        message=message,
        when_asked="item:MimeContent",
        times=None,
    )
    assert client.get_item(message.id, shape=shape("item:MimeContent")).codes == [
        "ErrorMimeContentConversionFailed"
    ]
    assert client.get_item(message.id, shape=shape("item:Body")).codes == ["NoError"]


def test_a_fatal_error_stops_the_rest_of_the_batch(
    exchange: Exchange, bob: Mailbox, client: Client
) -> None:
    ids = [bob.deliver(mail(str(n))).id for n in range(3)]
    exchange.fail("GetItem", "ErrorTimeoutExpired")
    stopped = client.get_item(*ids)
    assert stopped.codes == [
        "ErrorTimeoutExpired",
        "ErrorBatchProcessingStopped",
        "ErrorBatchProcessingStopped",
    ]
    classes = [
        str(message.get("ResponseClass")) for message in stopped.all(".//m:ResponseMessages/*")
    ]
    assert classes == ["Error", "Warning", "Warning"]


def test_the_real_reason_can_hide_within(exchange: Exchange, client: Client) -> None:
    exchange.fail("SyncFolderItems", "ErrorInternalServerError", inner="ErrorServerBusy")
    answer = client.sync()
    assert (answer.status, answer.codes) == (200, ["ErrorInternalServerError"])
    assert answer.text(".//t:Value[@Name='InnerErrorResponseCode']") == "ErrorServerBusy"


def test_failures_belong_to_one_operation_and_mailbox(exchange: Exchange, client: Client) -> None:
    exchange.mailbox("carl@example.com")
    exchange.fail("SyncFolderItems", as_fault=True, mailbox="carl@example.com")
    exchange.fail("GetItem", as_fault=True)
    assert client.sync().codes == ["NoError"]


def test_the_http_side_can_fail_too(exchange: Exchange, client: Client) -> None:
    exchange.fail(status=503, headers={"Retry-After": "30"})
    unavailable = client.sync()
    assert (unavailable.status, unavailable.headers["Retry-After"]) == (503, "30")
    exchange.fail(disconnect=True)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        client.sync()
    assert client.sync().codes == ["NoError"]


def test_ids_that_were_never_given_are_malformed(bob: Mailbox, client: Client) -> None:
    message = bob.deliver(mail())
    other_case = message.id[:-3] + message.id[-3:].swapcase()
    answer = client.get_item("nonsense", other_case, message.id)
    assert answer.codes == ["ErrorInvalidIdMalformed", "ErrorInvalidIdMalformed", "NoError"]


def test_what_the_schema_does_not_have_fails_the_whole_request(
    bob: Mailbox, client: Client
) -> None:
    message = bob.deliver(mail())
    for uri in ("item:TextBody", "item:NoSuchThing", "message:Nonsense", "nonsense"):
        refused = client.get_item(message.id, shape=shape(uri))
        assert (refused.status, refused.codes) == (500, ["ErrorSchemaValidation"])
    client.version = "Exchange2013"
    assert client.get_item(message.id, shape=shape("item:TextBody")).codes == ["NoError"]


def test_a_version_beyond_the_server_is_refused(client: Client) -> None:
    for version in ("Exchange2010_SP2", "Exchange2013", "Exchange2016", "V2017_07_11"):
        client.version = version
        assert client.sync().codes == ["NoError"]
    client.version = "Exchange2030"
    refused = client.sync()
    assert (refused.status, refused.codes) == (500, ["ErrorInvalidServerVersion"])
    client.version = None
    assert client.sync().codes == ["NoError"]


def test_what_is_no_request_is_refused(client: Client) -> None:
    for body in ("", "no xml", "<a/>", "<a>&undefined;</a>"):
        refused = client.send(body)
        assert (refused.status, refused.codes) == (500, ["ErrorSchemaValidation"])


def test_an_operation_that_is_not_simulated_is_a_fault(client: Client) -> None:
    refused = client.ask("<m:GetRoomLists/>")
    assert (refused.status, refused.codes) == (500, ["ErrorInvalidOperation"])


def test_answers_say_what_they_are(client: Client) -> None:
    answer = client.sync()
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert answer.headers["request-id"]
    info = answer.all("s:Header/*")[0]
    assert (info.get("MajorVersion"), info.get("MinorVersion")) == ("15", "1")


def test_too_many_requests_at_once_are_refused(exchange: Exchange, client: Client) -> None:
    exchange.max_concurrency, exchange.latency = 2, 0.2
    with ThreadPoolExecutor(5) as pool:
        codes = [
            code for answer in pool.map(lambda _: client.sync(), range(5)) for code in answer.codes
        ]
    assert "ErrorExceededConnectionCount" in codes
    assert "NoError" in codes
    assert 3 <= exchange.most_at_once <= 5
    exchange.latency = 0
    assert client.sync().codes == ["NoError"]


def test_views_that_are_not_simulated_are_refused(client: Client) -> None:
    refused = client.ask(
        f'<m:FindItem Traversal="Shallow">{shape()}<m:ParentFolderIds><t:DistinguishedFolderId Id="inbox"/>'
        "</m:ParentFolderIds><m:QueryString>subject:x</m:QueryString></m:FindItem>"
    )
    assert (refused.status, refused.codes) == (500, ["ErrorInvalidOperation"])


def test_there_is_no_archive(client: Client) -> None:
    archive = '<t:DistinguishedFolderId Id="archivemsgfolderroot"/>'
    assert client.get_folder(archive).codes == ["ErrorFolderNotFound"]
    client.version = "Exchange2016"
    assert client.get_folder(archive).codes == ["ErrorArchiveMailboxNotEnabled"]


def test_the_log_tells_what_was_asked_and_what_came_of_it(
    exchange: Exchange, bob: Mailbox, client: Client
) -> None:
    client.sync()
    client.get_item("nonsense")
    client.ask("<m:GetRoomLists/>")
    told = [(request.operation, request.mailbox, request.code) for request in exchange.requests]
    assert told == [
        ("SyncFolderItems", bob.address, "NoError"),
        ("GetItem", None, "ErrorInvalidIdMalformed"),
        ("GetRoomLists", None, "ErrorInvalidOperation"),
    ]
    assert exchange.requests[0].account == bob.address
    assert (len(exchange.requests), exchange.requests.count(mailbox=bob.address)) == (3, 1)
