"""The simulator is steered from outside."""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from exchange_simulator import Exchange, Mailbox
from exchange_simulator.control import VERBS
from exchange_simulator.server import serving
from tests.simulator.client import Client
from tests.simulator.mails import mail


class Steering:
    def __init__(
        self, address: str, token: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        self.address = address
        self.headers = {"Content-Type": "application/json"} | (headers or {})
        if token:
            self.headers["Authorization"] = f"Bearer {token}"

    def __call__(self, verb: str, **arguments: Any) -> tuple[int, dict[str, Any]]:
        request = urllib.request.Request(  # noqa: S310
            f"{self.address}/control/{verb}",
            data=json.dumps(arguments).encode(),
            headers=self.headers,
        )
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                request
            ) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)


@pytest.fixture
def steer(client: Client) -> Steering:
    return Steering(client.address)


def encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def test_mail_is_delivered_moved_and_deleted(steer: Steering, bob: Mailbox, client: Client) -> None:
    status, answer = steer(
        "deliver", mailbox=bob.address, mime=encoded(mail("Hi")), at="2026-03-02T10:00:00Z"
    )
    assert status == 200
    number = answer["message"]
    assert steer("move", message=number, to="Inbox/Done") == (200, {})
    [listed] = steer("messages", mailbox=bob.address)[1]["messages"]
    assert (listed["message"], listed["folder"], listed["subject"]) == (number, "Inbox/Done", "Hi")
    assert client.get_item(listed["item_id"]).codes == ["NoError"]
    copy = steer("copy", message=number, to="Archive")[1]["message"]
    assert steer("edit", message=copy, subject="Changed")[0] == 200
    assert steer("mark_read", message=copy)[0] == 200
    assert steer("delete", message=number) == (200, {})
    [left] = bob.messages()
    assert (left.subject, left.folder, left.item.is_read) == ("Changed", "Archive", True)
    assert steer("delete", message=number)[0] == 404


def test_folders_accounts_and_rights(steer: Steering, exchange: Exchange, bob: Mailbox) -> None:
    assert steer("make_folder", mailbox=bob.address, path="A/B")[0] == 200
    assert steer("rename_folder", mailbox=bob.address, path="A/B", name="C")[0] == 200
    assert "A/C" in steer("mailboxes")[1][bob.address]
    assert steer("delete_folder", mailbox=bob.address, path="A")[0] == 200
    assert steer("delete_folder", mailbox=bob.address, path="Inbox")[0] == 404
    steer("account", name="svc@example.com", password="p")
    steer("mailbox", address="carl@example.com")
    steer("grant", account="svc@example.com", mailbox="carl@example.com", folder="Inbox")
    steer("allow_impersonation", account="svc@example.com")
    carl = exchange.mailbox("carl@example.com")
    assert carl.may_read("svc@example.com", carl.folder("Inbox"))
    assert not carl.may_read("svc@example.com")
    steer("revoke", account="svc@example.com", mailbox="carl@example.com")
    assert not carl.may_read("svc@example.com", carl.folder("Inbox"))


def test_trouble_is_made_and_ended(steer: Steering, client: Client) -> None:
    steer("throttle", times=1, back_off=0.5)
    assert client.sync().codes == ["ErrorServerBusy"]
    steer("fail", operation="SyncFolderItems", code="ErrorInternalServerError", times=None)
    assert client.sync().codes == ["ErrorInternalServerError"]
    steer("heal")
    assert client.sync().codes == ["NoError"]
    assert steer("requests", clear=True)[1] == {"requests": {"SyncFolderItems": 3}}
    assert steer("requests")[1] == {"requests": {}}


def test_what_makes_no_sense_is_refused_with_words(steer: Steering, bob: Mailbox) -> None:
    status, answer = steer("explode")
    assert status == 404
    assert all(verb in answer["error"] for verb in VERBS)
    assert steer("deliver", mailbox=bob.address)[0] == 400
    assert steer("deliver", mailbox=bob.address, mime="AAAA", colour="red")[0] == 400
    assert steer("deliver", mailbox="nobody@example.com", mime="AAAA")[0] == 404
    assert steer("move", message=99, to="Inbox")[0] == 404
    assert steer("allow_impersonation", account="nobody")[0] == 404


@contextmanager
def guarded(exchange: Exchange) -> Iterator[str]:
    with serving(
        exchange, host="127.0.0.1", port=0, tls=False, control_token="opensesame"
    ) as address:
        yield address


def test_a_token_keeps_others_out(exchange: Exchange) -> None:
    with guarded(exchange) as address:
        assert Steering(address)("heal")[0] == 403
        assert Steering(address, "wrong")("heal")[0] == 403
        assert Steering(address, "opensesame")("heal") == (200, {})


def test_a_page_in_a_browser_of_this_machine_is_kept_out(steer: Steering, bob: Mailbox) -> None:
    # A form or a script of another site can send these, and no other type of content, without being asked for leave.
    for type_ in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        page = Steering(steer.address, headers={"Content-Type": type_})
        assert page("make_folder", mailbox=bob.address, path="Broken")[0] == 415
    # A site whose name was made to mean this machine may send any type, but not leave this out.
    page = Steering(steer.address, headers={"Origin": "http://site.example"})
    assert page("make_folder", mailbox=bob.address, path="Broken")[0] == 403
    assert "Broken" not in steer("mailboxes")[1][bob.address]
