"""What desktop clients ask and no other client of these tests does, in our own words."""

import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from exchange_simulator import Exchange, Mailbox
from exchange_simulator.entra import token
from tests.simulator.client import FOLDER_ID_ONLY, SPACES, Client
from tests.simulator.mails import mail

BOB = "bob@example.com"
NAMED = (
    "msgfolderroot",
    "inbox",
    "deleteditems",
    "drafts",
    "outbox",
    "sentitems",
    "junkemail",
    "archive",
)
"""The folders that Thunderbird knows the places of."""


@pytest.fixture
def delegated(exchange: Exchange, bob: Mailbox) -> dict[str, str]:
    """Sign in to Graph as Bob."""
    exchange.application("desktop")
    form = {"client_id": "desktop", "grant_type": "password", "scope": "Mail.Read"}
    signing_in = form | {"username": bob.address, "password": "secret"}
    status, given = token(exchange, "contoso.example", signing_in)
    assert status == 200
    return {"Authorization": f"Bearer {given['access_token']}"}


def ask(url: str, headers: dict[str, str]) -> Any:
    request = urllib.request.Request(url, headers=headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.load(answer)


@pytest.mark.parametrize("version", ["Exchange2016", "ExchangeOnline"])
def test_thunderbird_learns_which_folders_are_special_in_one_request(
    make_exchange: Callable[..., Exchange], version: str
) -> None:
    exchange = make_exchange(version)
    exchange.account(BOB)
    exchange.mailbox(BOB)
    wanted = "".join(f'<t:DistinguishedFolderId Id="{name}"/>' for name in NAMED)
    with exchange.serve() as address:
        client = Client(address, BOB, version="Exchange2013_SP1")
        answer = client.ask(
            f"<m:GetFolder>{FOLDER_ID_ONLY}<m:FolderIds>{wanted}</m:FolderIds></m:GetFolder>"
        )
    assert answer.codes == ["NoError"] * len(NAMED)
    assert len({folder.get("Id") for folder in answer.all(".//t:FolderId")}) == len(NAMED)


def test_thunderbird_asks_graph_for_each_of_them(
    exchange: Exchange, bob: Mailbox, delegated: dict[str, str]
) -> None:
    message = bob.deliver(mail(), "Archive")
    with exchange.serve() as address:
        found = [ask(f"{address}/v1.0/me/mailFolders/{name}", delegated) for name in NAMED]
        archive = found[-1]["id"]
        mails = ask(f"{address}/v1.0/me/mailFolders/{archive}/messages/delta()", delegated)
    assert len({folder["id"] for folder in found}) == len(NAMED)
    assert [one["internetMessageId"] for one in mails["value"]] == [message.message_id]


def test_evolution_asks_who_is_away(exchange: Exchange, client: Client) -> None:
    def away(address: str) -> tuple[list[str | None], str | None]:
        """Tell the state, where evolution finds also a duration."""
        answer = client.ask(
            f"<m:GetUserOofSettingsRequest><t:Mailbox><t:Address>{address}</t:Address></t:Mailbox>"
            "</m:GetUserOofSettingsRequest>"
        )
        duration = answer.all(".//t:Duration/*")
        assert len(duration) == (2 if answer.codes == ["NoError"] else 0)
        return answer.codes, answer.text(".//t:OofState")

    exchange.mailbox("ann@example.com")
    assert away(BOB) == (["NoError"], "Disabled")
    assert away("ann@example.com") == (["ErrorAccessDenied"], None)
    assert away("nobody@example.com") == (["ErrorNonExistentMailbox"], None)


def test_evolution_asks_for_the_names_of_categories_which_nobody_kept(client: Client) -> None:
    answer = client.ask(
        '<m:GetUserConfiguration><m:UserConfigurationName Name="CategoryList">'
        '<t:DistinguishedFolderId Id="calendar"/></m:UserConfigurationName>'
        "<m:UserConfigurationProperties>XmlData</m:UserConfigurationProperties></m:GetUserConfiguration>"
    )
    assert answer.codes == ["ErrorItemNotFound"]


def test_evolution_learns_which_folders_are_hidden(bob: Mailbox, client: Client) -> None:
    """It writes the tags of properties as decimal numbers, and names no root."""
    bob.make_folder("Seen")
    shape = (
        "<m:FolderShape><t:BaseShape>AllProperties</t:BaseShape><t:AdditionalProperties>"
        '<t:ExtendedFieldURI PropertyTag="4340" PropertyType="Boolean"/></t:AdditionalProperties></m:FolderShape>'
    )
    client.version = "Exchange2007_SP1"
    answer = client.ask(f"<m:SyncFolderHierarchy>{shape}</m:SyncFolderHierarchy>")
    hidden = {
        folder.findtext("t:DisplayName", None, SPACES): folder.findtext(
            "t:ExtendedProperty/t:Value", None, SPACES
        )
        for folder in answer.all(".//t:Create/*")
    }
    assert hidden["Seen"] in (None, "false")
    assert hidden["Conversation Action Settings"] == "true"
