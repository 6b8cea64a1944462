"""Clients of Graph that we did not write read a whole mailbox from the simulator, unchanged.

They are built for Microsoft's hosts; only on the way to the wire are those names taken for the simulator's address.
"""

import asyncio
import gc
import importlib
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from exchange_simulator import Exchange, Mailbox
from tests.integration.sync.conftest import eml

APP, SECRET, TENANT = "6731de76-14a6-49ae-97bc-6eba6914391e", "app-secret", "contoso.example"
ORDERS = "orders@example.com"
USER, PASSWORD = "svc@example.com", "password of svc"
MICROSOFTS = {"graph.microsoft.com", "login.microsoftonline.com"}

pytestmark = [pytest.mark.stranger, pytest.mark.xdist_group("graph-strangers")]


@pytest.fixture
def mailbox() -> Iterator[tuple[str, Mailbox]]:
    exchange = Exchange()
    exchange.application(APP, tenant=TENANT, secret=SECRET)
    exchange.account(USER, password=PASSWORD)
    orders = exchange.mailbox(ORDERS)
    for number in range(35):
        folder = "Inbox" if number % 3 else "Inbox/Work/Done"
        orders.deliver(
            eml(number, attachment=b"%PDF" * number if number % 5 == 0 else None), folder
        )
    with exchange.serve() as address:
        yield address, orders
    exchange.close()


@pytest.fixture
def microsoft(mailbox: tuple[str, Mailbox], monkeypatch: pytest.MonkeyPatch) -> Mailbox:
    """Let requests take Microsoft's hosts for the simulator."""
    address, orders = mailbox
    send = requests.adapters.HTTPAdapter.send

    def redirected(adapter: Any, request: Any, **options: Any) -> Any:
        url = urlsplit(request.url)
        if url.hostname in MICROSOFTS:
            ours = urlsplit(address)
            request.url = url._replace(scheme=ours.scheme, netloc=ours.netloc).geturl()
        answer = send(adapter, request, **options)
        if "json" in answer.headers.get("Content-Type", ""):
            host = "graph.microsoft.com" if url.path.startswith("/v1.0") else url.hostname or ""
            text = answer.content.replace(address.encode(), f"https://{host}".encode())
            answer._content = text
        return answer

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", redirected)
    return orders


def expected(orders: Mailbox) -> set[str]:
    return {str(message.message_id) for message in orders.messages()}


def signed_in(address: str) -> dict[str, str]:
    form = {"grant_type": "client_credentials", "client_id": APP, "client_secret": SECRET}
    form["scope"] = "https://graph.microsoft.com/.default"
    token = requests.post(f"{address}/{TENANT}/oauth2/v2.0/token", data=form, timeout=30).json()
    return {"Authorization": f"Bearer {token['access_token']}"}


def o365_mailbox() -> Any:
    """Sign in by O365, which would keep its token in a file of the working folder."""
    o365 = importlib.import_module("O365")
    token = importlib.import_module("O365.utils.token")
    account = o365.Account(
        (APP, SECRET),
        auth_flow_type="credentials",
        tenant_id=TENANT,
        token_backend=token.MemoryTokenBackend(),
    )
    assert account.authenticate()
    return account.mailbox(resource=ORDERS)


@pytest.mark.filterwarnings("ignore")  # its own, on import
def test_o365_reads_all_folders_messages_and_attachments(microsoft: Mailbox) -> None:
    mailbox = o365_mailbox()
    found: set[str] = set()
    contents: dict[str, bytes] = {}

    def walk(folder: Any) -> None:
        for message in folder.get_messages(limit=None, batch=10):
            found.add(message.internet_message_id)
            if message.has_attachments:
                message.attachments.download_attachments()
                for attachment in message.attachments:
                    contents[message.subject] = attachment.content
        for child in folder.get_folders(limit=None):
            walk(child)

    for folder in mailbox.get_folders(limit=None):
        walk(folder)
    assert found == expected(microsoft)
    assert len(contents) == 7


@pytest.mark.usefixtures("microsoft")
@pytest.mark.filterwarnings("ignore")  # its own, on import
def test_o365_searches() -> None:
    mailbox = o365_mailbox()

    def subjects(words: str) -> set[str]:
        query = mailbox.new_query().search(words)
        return {message.subject for message in mailbox.get_messages(limit=None, query=query)}

    everything = {message.subject for message in mailbox.get_messages(limit=None)}
    assert subjects("chairs") == everything
    assert subjects("subject:34") == {"Order 34"}
    assert subjects("subject:chairs") == set()
    assert subjects("hairs") == set()
    assert subjects("chairs from:nobody@example.com") == set()
    assert subjects("chairs AND subject:34") == {"Order 34"}
    assert subjects("subject:34 OR chairs subject:33") == {"Order 34", "Order 33"}
    assert subjects("chairs NOT subject:34") == everything - {"Order 34"}
    for beyond in ("received>=2020-01-01", "size:>1", "(chairs OR tables)", "kind:email"):
        with pytest.raises(requests.HTTPError):
            subjects(beyond)


@pytest.mark.usefixtures("microsoft")
@pytest.mark.filterwarnings("ignore")  # its own, on import
def test_o365_filters() -> None:
    mailbox = o365_mailbox()
    query = mailbox.new_query()

    def subjects(wanted: Any) -> set[str]:
        return {message.subject for message in mailbox.get_messages(limit=None, query=wanted)}

    one, two = query.equals("subject", "Order 1"), query.equals("subject", "Order 2")
    everything = {message.subject for message in mailbox.get_messages(limit=None)}
    assert subjects(one | two) == {"Order 1", "Order 2"}
    assert subjects(query.group(one | two) & query.endswith("subject", "2")) == {"Order 2"}
    assert subjects(query.negate(query.startswith("subject", "Order"))) == set()
    assert subjects(query.negate(one)) == everything - {"Order 1"}
    now, hour = datetime.now(timezone(timedelta(hours=5))), timedelta(hours=1)
    assert subjects(query.greater_equal("received_date_time", now - hour)) == everything
    assert subjects(query.greater_equal("received_date_time", now + hour)) == set()


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("toRecipients/any(r: r/emailAddress/address eq 'ORDERS@example.com')", 35),
        ("toRecipients/all(r:r/emailAddress/address ne 'orders@example.com')", 0),
        ("categories/any(c:c eq 'Red')", 0),
        ("subject in ('Order 1', 'Order 2', 'order 99')", 2),
        ("receivedDateTime le 9999-12-31 and not (isRead eq true)", 35),
        ("contains(subject,'Order') eq false", 0),
        ("hasAttachments eq true OR subject eq 'Order 1'", 8),
        ("subject eq 'Order 1' or subject eq 'Order 2' and isRead eq true", 1),
        ("subjekt eq 'Order 1'", None),
        ("subject eq 'Order 1' and", None),
        ("(subject eq 'Order 1'", None),
        ("subject like 'Order 1'", None),
        ("(" * 2_000, None),
    ],
)
def test_a_filter_is_read_as_graph_reads_it(
    mailbox: tuple[str, Mailbox], written: str, found: int | None
) -> None:
    address, _ = mailbox
    url = f"{address}/v1.0/users/{ORDERS}/messages"
    asked = {"$filter": written, "$count": "true"}
    answer = requests.get(url, params=asked, headers=signed_in(address), timeout=30)
    assert answer.json().get("@odata.count") == found
    assert answer.status_code == (400 if found is None else 200)


@pytest.mark.parametrize(
    ("path", "count"),
    [
        (f"/{ORDERS}/messages/$count", 35),
        (f"/{ORDERS}/mailFolders/inbox/messages/$count?$filter=hasAttachments eq true", 4),
        (f"/{ORDERS}/mailFolders/inbox/childFolders/$count", 1),
        ("/$count", 1),
        (f"/{ORDERS}/$count", None),
        ("/../$count", None),
        (f"/{ORDERS}/mailFolders/inbox/messages/delta?given=some", None),
    ],
)
def test_what_is_in_a_collection_is_counted(
    mailbox: tuple[str, Mailbox], path: str, count: int | None
) -> None:
    address, _ = mailbox
    url = f"{address}/v1.0/users{path}"
    headers = signed_in(address) | {"ConsistencyLevel": "eventual"}
    answer = requests.get(url, headers=headers, timeout=30)
    assert answer.status_code == (400 if count is None else 200)
    assert count is None or answer.text == str(count)


def test_a_well_known_folder_that_a_mailbox_lacks_is_not_found(
    mailbox: tuple[str, Mailbox],
) -> None:
    address, _ = mailbox
    url = f"{address}/v1.0/users/{ORDERS}/mailFolders/clutter/messages"
    answer = requests.get(url, headers=signed_in(address), timeout=30)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ErrorFolderNotFound")


def test_a_batch_that_makes_no_sense_is_refused(mailbox: tuple[str, Mailbox]) -> None:
    address, _ = mailbox
    headers = signed_in(address)
    senseless: list[Any] = [
        [],
        {"requests": ["GET /me"]},
        {"requests": [{"method": "GET", "url": "/me"}]},
    ]
    for asked in senseless:
        answer = requests.post(f"{address}/v1.0/$batch", json=asked, headers=headers, timeout=30)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest")


def test_ids_are_translated_into_each_other(mailbox: tuple[str, Mailbox]) -> None:
    address, orders = mailbox
    headers = signed_in(address)
    # Microsoft's SDK for Python writes the names of headers in small letters.
    prefer = {"prefer": 'IdType="ImmutableId"'}
    url = f"/users/{ORDERS}/messages?$top=1&$select=id"
    sent: Any = {"requests": [{"id": "1", "method": "GET", "url": url, "headers": prefer}]}
    answer = requests.post(f"{address}/v1.0/$batch", json=sent, headers=headers, timeout=30)
    (immutable,) = (one["id"] for one in answer.json()["responses"][0]["body"]["value"])

    def translated(id_: str, target: str) -> str:
        url = f"{address}/v1.0/users/{ORDERS}/translateExchangeIds"
        asked = {"inputIds": [id_], "targetIdType": target}
        (found,) = requests.post(url, json=asked, headers=headers, timeout=30).json()["value"]
        return str(found["targetId"])

    assert translated(immutable, "ewsId") in {message.id for message in orders.messages()}
    assert translated(translated(immutable, "ewsId"), "restImmutableEntryId") == immutable
    assert translated(immutable, "restId") != immutable


@pytest.mark.parametrize("of_all", [True, False])
def test_a_message_within_another_comes_where_it_is_expanded(
    mailbox: tuple[str, Mailbox],
    of_all: bool,  # noqa: FBT001
) -> None:
    address, orders = mailbox
    outer = EmailMessage()
    outer["Subject"] = "Forwarded"
    outer.add_attachment(message_from_bytes(eml(7, attachment=b"%PDF"), policy=policy.default))
    orders.deliver(outer.as_bytes(), "Forwarded")
    headers = signed_in(address)

    def get(path: str) -> Any:
        url = f"{address}/v1.0/users/{ORDERS}/messages{path}"
        return requests.get(url, headers=headers, timeout=30).json()

    (found,) = get("?$filter=subject eq 'Forwarded'&$select=id")["value"]
    (plain,) = get(f"/{found['id']}/attachments")["value"]
    assert "item" not in plain
    expand = "?$expand=microsoft.graph.itemattachment/item($expand=attachments)"
    if of_all:
        (expanded,) = get(f"/{found['id']}/attachments{expand}")["value"]
    else:
        expanded = get(f"/{found['id']}/attachments/{plain['id']}/{expand}")
    inner = expanded["item"]
    assert inner["@odata.type"] == "#microsoft.graph.message"
    assert (inner["subject"], inner["internetMessageId"]) == ("Order 7", "<7@example.com>")
    assert inner["body"]["content"].strip() == "Please send 7 chairs."
    (pdf,) = inner["attachments"]
    assert (pdf["name"], pdf["contentBytes"]) == ("a.pdf", "JVBERg==")
    beyond = get(f"/{found['id']}/attachments/{pdf['id']}")
    assert beyond["error"]["code"] == "ErrorItemNotFound"


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        (
            "/messages?$filter=subject eq 'a'&$orderby=receivedDateTime desc",
            400,
            "InefficientFilter",
        ),
        (
            "/messages?$filter=receivedDateTime ge 2020-01-01 and isRead eq false&$orderby=receivedDateTime",
            200,
            None,
        ),
        ("/messages?$filter=(from/emailAddress/address) eq 'ann@example.com'", 200, None),
        ("/messages?$filter=receivedDateTime ge '2020-01-01T00:00:00Z'", 400, "BadRequest"),
        ("/messages?$expand=nothing", 400, "BadRequest"),
        ("/mailFolders?$select=nothing", 400, "BadRequest"),
        ("/mailFolders?$filter=childFolderCount gt 0&$select=displayName", 200, None),
        ("/calendar/events", 403, "ErrorAccessDenied"),
        ("/mailboxSettings", 403, "ErrorAccessDenied"),
        ("/mailFolders/inbox/messageRules", 403, "ErrorAccessDenied"),
        ("/nothing", 400, "BadRequest"),
        ("/../../groups", 403, "Authorization_RequestDenied"),
        ("/../../subscriptions", 200, None),
        ("/../../subscriptions/1", 400, "ValidationError"),
        ("/..?$skip=1", 400, "Request_BadRequest"),
        ("/..?$filter=endswith(mail,'example.com')", 400, "Request_UnsupportedQuery"),
        ('/..?$search="displayName:orders"', 400, "Request_UnsupportedQuery"),
        ("/../$count", 400, "Request_BadRequest"),
        ("?$select=nothing", 400, "BadRequest"),
    ],
)
def test_what_graph_refuses_is_refused_in_its_words(
    mailbox: tuple[str, Mailbox], asked: str, status: int, code: str | None
) -> None:
    address, _ = mailbox
    url = f"{address}/v1.0/users/{ORDERS}{asked}"
    answer = requests.get(url, headers=signed_in(address), timeout=30)
    assert (answer.status_code, answer.json().get("error", {}).get("code")) == (status, code)


def test_users_are_listed_as_the_directory_does(mailbox: tuple[str, Mailbox]) -> None:
    address, orders = mailbox
    headers = signed_in(address) | {"ConsistencyLevel": "eventual"}

    def get(asked: str) -> Any:
        return requests.get(f"{address}/v1.0/users{asked}", headers=headers, timeout=30).json()

    named = {"id": orders.guid, "mail": ORDERS}
    assert get("?$select=id,mail&$filter=endswith(mail,'.com')&$count=true")["value"] == [named]
    assert get('?$search="displayName:ord" AND "mail:ord"&$select=mail,id')["value"] == [named]
    assert get('?$search="displayName:rders"')["value"] == []
    assert "jobTitle" in get(f"/{ORDERS}")
    assert get(f"/{ORDERS}?$select=mail")["mail"] == ORDERS
    assert "$metadata#users/$entity" in get(f"/{ORDERS}")["@odata.context"]


def test_what_is_selected_of_attachments_is_all_that_comes(mailbox: tuple[str, Mailbox]) -> None:
    address, _ = mailbox
    headers = signed_in(address)

    def get(asked: str) -> Any:
        url = f"{address}/v1.0/users/{ORDERS}/messages{asked}"
        return requests.get(url, headers=headers, timeout=30).json()

    found = get(
        "?$filter=subject eq 'Order 5'&$select=id&$expand=attachments($select=name,contentType)"
    )
    (message,) = found["value"]
    always = {"@odata.type", "@odata.mediaContentType", "id"}
    assert set(message["attachments"][0]) == always | {"name", "contentType"}
    (one,) = get(f"/{message['id']}/attachments?$select=size")["value"]
    assert set(one) == always | {"size"}
    wanted = "$filter=contentType eq 'application/pdf'"
    assert len(get(f"/{message['id']}/attachments?{wanted}")["value"]) == 1
    whole = get(f"/{message['id']}/attachments/{one['id']}")
    assert (whole["name"], len(whole["contentBytes"])) == ("a.pdf", 28)


def test_extended_properties_are_expanded_and_filtered_by(mailbox: tuple[str, Mailbox]) -> None:
    address, _ = mailbox
    url = f"{address}/v1.0/users/{ORDERS}/messages"
    asked = {
        "$filter": "singleValueExtendedProperties/Any(ep: ep/id eq 'String 0x0037' and ep/value eq 'Order 7')",
        "$expand": "singleValueExtendedProperties($filter=id eq 'String 0x007D' or id eq 'String {00020386-0000-0000-C000-000000000046} Name X-A')",
        "$select": "subject",
    }
    (found,) = requests.get(url, params=asked, headers=signed_in(address), timeout=30).json()[
        "value"
    ]
    (headers,) = found["singleValueExtendedProperties"]
    assert headers["id"] == "String 0x7d"
    assert "Subject: Order 7\r\n" in headers["value"]


def test_preferences_that_were_met_are_named(mailbox: tuple[str, Mailbox]) -> None:
    address, _ = mailbox
    wanted = 'outlook.body-content-type="text", odata.maxpagesize=3'
    headers = signed_in(address) | {"Prefer": wanted, "client-request-id": "abc"}
    url = f"{address}/v1.0/users/{ORDERS}/messages"
    answer = requests.get(url, headers=headers, timeout=30)
    assert answer.headers["Preference-Applied"] == wanted
    assert answer.headers["client-request-id"] == "abc"
    assert len(answer.json()["value"]) == 3


def test_settings_are_shown_to_those_who_may_see_them() -> None:
    exchange = Exchange()
    exchange.application(
        APP, tenant=TENANT, secret=SECRET, roles=("MailboxSettings.Read", "Mail.Read")
    )
    exchange.mailbox(ORDERS)
    with exchange.serve() as address:
        headers = signed_in(address)

        def get(asked: str) -> Any:
            url = f"{address}/v1.0/users/{ORDERS}{asked}"
            return requests.get(url, headers=headers, timeout=30).json()

        assert get("/mailboxSettings")["userPurpose"] == "user"
        assert get("/mailboxSettings/timeZone") == {"value": "UTC"}
        assert get("/mailFolders/inbox/messageRules")["value"] == []
    exchange.close()


@pytest.mark.usefixtures("microsoft")
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")  # msal's, of this way to sign in
def test_a_user_who_signed_in_is_known_again_by_msal() -> None:
    msal = pytest.importorskip("msal")
    authority = f"https://login.microsoftonline.com/{TENANT}"
    client = msal.PublicClientApplication(APP, authority=authority)
    scopes = ["https://graph.microsoft.com/Mail.Read"]
    client.acquire_token_by_username_password(USER, PASSWORD, scopes)
    (account,) = client.get_accounts()
    assert account["username"] == USER
    token = client.acquire_token_silent(scopes, account=account)
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    me = "https://graph.microsoft.com/v1.0/me"
    assert requests.get(me, headers=headers, timeout=30).json()["userPrincipalName"] == USER
    none = requests.get(f"{me}/messages", headers=headers, timeout=30).json()
    assert none["error"]["code"] == "MailboxNotEnabledForRESTAPI"


def test_folders_come_with_those_below_them(mailbox: tuple[str, Mailbox]) -> None:
    address, _ = mailbox
    url = f"{address}/v1.0/users/{ORDERS}/mailFolders?$expand=childFolders&$select=displayName"
    found = requests.get(url, headers=signed_in(address), timeout=30).json()["value"]
    below = {one["displayName"]: one["childFolders"] for one in found}
    assert [one["displayName"] for one in below["Inbox"]] == ["Work"]
    assert below["Drafts"] == []


@pytest.mark.filterwarnings("ignore")  # its own, on import
def test_msgraph_sdk_follows_the_delta_of_each_folder(
    mailbox: tuple[str, Mailbox], microsoft: Mailbox
) -> None:
    pytest.importorskip("msgraph")
    asyncio.run(read_by_msgraph(mailbox[0], microsoft))
    gc.collect()  # what it left open is its own, and not the next test's


async def read_by_msgraph(address: str, orders: Mailbox) -> None:
    import httpx  # noqa: PLC0415
    from azure.identity import ClientSecretCredential  # noqa: PLC0415
    from kiota_authentication_azure.azure_identity_authentication_provider import (  # noqa: PLC0415
        AzureIdentityAuthenticationProvider,
    )
    from msgraph.generated.users.item.messages.item.message_item_request_builder import (  # noqa: PLC0415
        MessageItemRequestBuilder,
    )
    from msgraph.graph_request_adapter import GraphRequestAdapter  # noqa: PLC0415
    from msgraph.graph_service_client import GraphServiceClient  # noqa: PLC0415
    from msgraph_core import GraphClientFactory  # noqa: PLC0415

    class Redirected(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            ours = urlsplit(address)
            there = request.url.copy_with(scheme="http", host=ours.hostname, port=ours.port)
            headers = [
                (name, value) for name, value in request.headers.raw if name.lower() != b"host"
            ]
            content = await request.aread()
            sent = httpx.Request(request.method, there, headers=headers, content=content)
            answer = await super().handle_async_request(sent)
            body = await answer.aread()
            text = body.replace(address.encode(), b"https://graph.microsoft.com")
            kept = {"Content-Type": answer.headers["Content-Type"]}
            return httpx.Response(answer.status_code, headers=kept, content=text, request=request)

    credential = ClientSecretCredential(TENANT, APP, SECRET)
    wire = Redirected()
    async with httpx.AsyncClient(transport=wire) as plain:
        client = GraphClientFactory.create_with_default_middleware(client=plain)
        provider = AzureIdentityAuthenticationProvider(credential)
        graph: Any = GraphServiceClient(
            request_adapter=GraphRequestAdapter(provider, client=client)
        )
        user = graph.users.by_user_id(ORDERS)
        folders = (await user.mail_folders.delta.get()).value
        found: set[str] = set()
        attached = 0
        for folder in folders:
            delta = user.mail_folders.by_mail_folder_id(folder.id).messages.delta
            page = await delta.get()
            while page is not None:
                for message in page.value:
                    found.add(message.internet_message_id)
                    if message.has_attachments:
                        listed = await user.messages.by_message_id(message.id).attachments.get()
                        attached += len(listed.value)
                link = page.odata_next_link
                page = await delta.with_url(link).get() if link else None
        one = await user.messages.by_message_id(message.id).get(
            MessageItemRequestBuilder.MessageItemRequestBuilderGetRequestConfiguration()
        )
        assert one.body.content
        assert found == expected(orders)
        assert attached == 7
    credential.close()
    await wire.aclose()  # the SDK wraps it, and lets go of the wrapping alone
