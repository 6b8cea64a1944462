"""Names and ids: ResolveNames and ConvertId."""

from datetime import UTC, datetime

from exchange_simulator import Exchange, Mailbox
from tests.simulator.client import Client
from tests.simulator.mails import mail


def resolve(client: Client, entry: str) -> tuple[list[str | None], list[str | None]]:
    answer = client.ask(
        f'<m:ResolveNames ReturnFullContactData="false"><m:UnresolvedEntry>{entry}</m:UnresolvedEntry></m:ResolveNames>'
    )
    return answer.codes, [found.text for found in answer.all(".//t:Mailbox/t:EmailAddress")]


def test_a_name_means_one_mailbox_several_or_none(exchange: Exchange, client: Client) -> None:
    exchange.mailbox("bobby@example.com")
    exchange.mailbox("carl@example.com", name="Carl Bobson")
    assert resolve(client, "smtp:carl@example.com") == (["NoError"], ["carl@example.com"])
    assert resolve(client, "bobson") == (["NoError"], ["carl@example.com"])
    codes, found = resolve(client, "bob")
    assert codes == ["ErrorNameResolutionMultipleResults"]
    assert found == ["bob@example.com", "bobby@example.com", "carl@example.com"]
    assert resolve(client, "nobody") == (["ErrorNameResolutionNoResults"], [])


def test_a_password_ends_when_it_was_said_to(exchange: Exchange, client: Client) -> None:
    asked = "<m:GetPasswordExpirationDate/>"
    assert client.ask(asked).text(".//m:PasswordExpirationDate") == "9999-12-31T23:59:59Z"
    exchange.account("bob@example.com").password_ends = datetime(2026, 3, 9, tzinfo=UTC)
    answer = client.ask(asked)
    assert answer.codes == ["NoError"]
    assert answer.text(".//m:PasswordExpirationDate") == "2026-03-09T00:00:00Z"


def convert(
    client: Client, id_: str, source: str, target: str
) -> tuple[list[str | None], str | None]:
    answer = client.ask(
        f'<m:ConvertId DestinationFormat="{target}"><m:SourceIds><t:AlternateId Format="{source}" Id="{id_}"'
        ' Mailbox="bob@example.com"/></m:SourceIds></m:ConvertId>'
    )
    found = answer.all(".//m:AlternateId")
    return answer.codes, str(found[0].get("Id")) if found else None


def test_ids_are_converted_there_and_back(bob: Mailbox, client: Client) -> None:
    id_ = bob.deliver(mail()).id
    for target in ("HexEntryId", "OwaId", "EntryId"):
        codes, converted = convert(client, id_, "EwsId", target)
        assert codes == ["NoError"]
        assert convert(client, converted or "", target, "EwsId") == (["NoError"], id_)
    assert convert(client, "AAAA", "EwsId", "OwaId") == (["ErrorInvalidIdMalformed"], None)
