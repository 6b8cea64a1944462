"""Names and ids: ResolveNames and ConvertId."""

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
