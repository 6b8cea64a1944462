"""The tests' own watch over the schema would notice a wrong answer."""

from collections.abc import Callable

import pytest

from exchange_simulator import Exchange
from tests.simulator.client import Client
from tests.simulator.schema import Validator, version_of

pytestmark = pytest.mark.schema
ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types" '
    'xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"><s:Body>{}</s:Body></s:Envelope>'
)


@pytest.mark.parametrize("name", ["ews-2010sp2", "ews-2017"])
@pytest.mark.parametrize(
    "wrong",
    [
        "<m:GetItemResponse/>",
        "<m:Nonsense/>",
        '<m:GetItem><m:ItemIds><t:ItemId Id="a"/></m:ItemIds></m:GetItem>',
    ],
)
def test_what_is_not_valid_is_noticed(validator: Validator, name: str, wrong: str) -> None:
    with pytest.raises(AssertionError, match=name):
        validator.check(ENVELOPE.format(wrong).encode(), name)


def test_a_later_element_is_noticed_in_an_earlier_version(validator: Validator) -> None:
    shape = "<m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>{}</t:AdditionalProperties></m:ItemShape>"
    field = shape.format('<t:FieldURI FieldURI="item:TextBody"/>')
    body = f'<m:GetItem>{field}<m:ItemIds><t:ItemId Id="a"/></m:ItemIds></m:GetItem>'
    validator.check(ENVELOPE.format(body).encode(), "ews-2017")
    with pytest.raises(AssertionError, match="TextBody"):
        validator.check(ENVELOPE.format(body).encode(), "ews-2010sp2")


def test_every_request_and_answer_is_seen(
    validator: Validator, make_exchange: Callable[..., Exchange]
) -> None:
    exchange = make_exchange()
    exchange.account("bob@example.com")
    exchange.mailbox("bob@example.com")
    before = validator.checked
    with exchange.serve() as address:
        assert Client(address).sync().codes == ["NoError"]
    assert validator.checked - before >= 3, "the request's body, the answer's header and body"


def test_a_request_claims_its_version() -> None:
    assert version_of(b'<t:RequestServerVersion Version="Exchange2010_SP2"/>') == "ews-2010sp2"
    assert version_of(b'<t:RequestServerVersion Version="Exchange2013"/>') == "ews-2017"
    assert version_of(b"") == "ews-2010sp2"
