"""Every FieldURI of Microsoft's schema is understood by the version that has it, and by no other."""

from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from exchange_simulator import Exchange
from exchange_simulator.ews import fields
from exchange_simulator.versions import Schema
from tests.simulator.client import Client, shape
from tests.simulator.mails import mail
from tests.simulator.test_items import INVITATION, REPORT

pytestmark = pytest.mark.schema
XSD = "{http://www.w3.org/2001/XMLSchema}"
KINDS = (
    "item",
    "message",
    "meeting",
    "meetingRequest",
    "calendar",
    "postitem",
    "contacts",
    "task",
    "folder",
)


def uris(shared: Path, name: str) -> list[str]:
    """Read the FieldURIs that a schema lists."""
    types = etree.parse(str(shared / "schema" / name / "types.xsd"))
    listed = types.find(f"{XSD}simpleType[@name='UnindexedFieldURIType']")
    assert listed is not None
    found = [str(value.get("value")) for value in listed.iter(f"{XSD}enumeration")]
    return [uri for uri in found if uri.partition(":")[0] in KINDS]


def test_each_schema_has_its_own(shared: Path) -> None:
    old, new = uris(shared, "ews-2010sp2"), uris(shared, "ews-2017")
    assert [uri for uri in old if not fields.exists(uri, Schema.EXCHANGE_2010)] == []
    assert [uri for uri in new if not fields.exists(uri, Schema.EXCHANGE_2016)] == []
    later = [uri for uri in sorted(set(new) - set(old)) if not uri.startswith("contacts:")]
    wrong = [uri for uri in later if fields.exists(uri, Schema.EXCHANGE_2010)]
    assert wrong == []


@pytest.mark.parametrize(
    ("version", "name"), [("Exchange2010_SP2", "ews-2010sp2"), ("Exchange2016", "ews-2017")]
)
def test_all_may_be_asked_of_every_kind_of_item(
    make_exchange: Callable[..., Exchange], shared: Path, version: str, name: str
) -> None:
    exchange = make_exchange(version)
    exchange.account("bob@example.com")
    bob = exchange.mailbox("bob@example.com")
    classes = ["IPM.Note", "IPM.Post", "IPM.Contact", "IPM.Appointment", "IPM.Strange"]
    classes += ["IPM.Schedule.Meeting.Canceled", "IPM.Schedule.Meeting.Resp.Pos"]
    ids = [bob.deliver(mail(attachment=b"x"), item_class=item_class).id for item_class in classes]
    ids += [bob.deliver(INVITATION).id, bob.deliver(REPORT).id]
    asked = [
        u for u in uris(shared, name) if not u.startswith("folder:") and u != "item:MimeContent"
    ]
    with exchange.serve() as address:
        client = Client(address, version=version)
        answer = client.get_item(*ids, shape=shape(*asked))
        assert answer.codes == ["NoError"] * len(ids)
        for base in ("Default", "AllProperties"):
            whole = f"<m:ItemShape><t:BaseShape>{base}</t:BaseShape></m:ItemShape>"
            assert client.get_item(*ids, shape=whole).codes == ["NoError"] * len(ids)
        folder = (
            "<m:FolderShape><t:BaseShape>AllProperties</t:BaseShape><t:AdditionalProperties>"
            + "".join(
                f'<t:FieldURI FieldURI="{u}"/>'
                for u in uris(shared, name)
                if u.startswith("folder:")
            )
            + "</t:AdditionalProperties></m:FolderShape>"
        )
        for well_known in ("root", "inbox", "calendar", "contacts", "tasks", "searchfolders"):
            found = client.get_folder(f'<t:DistinguishedFolderId Id="{well_known}"/>', folder)
            assert found.codes == ["NoError"]
