"""Requests only read, and are what Microsoft's schema says."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from mailmine.exchange.ews.operations import (
    VERSIONS,
    Operation,
    Properties,
    distinguished,
    envelope,
    find_folders,
    find_received_since,
    folder_ids,
    get_attachment,
    get_folders,
    get_items,
    get_password_end,
    sync_items,
)
from mailmine.model.ids import AttachmentId, Cursor, FolderId, ItemId

ODD = "AAMk+/=\"'<&>"
OPERATIONS = [
    find_folders(distinguished("msgfolderroot", ODD), offset=1000),
    find_folders(folder_ids([FolderId(ODD), FolderId("b")])),
    get_folders(distinguished("inbox", "a@example.com")),
    get_password_end(),
    sync_items(FolderId(ODD), None, limit=512, with_received=False),
    sync_items(FolderId("f"), Cursor(ODD), limit=1, with_received=True),
    find_received_since(FolderId("f"), datetime(2024, 1, 1, tzinfo=UTC), limit=100),
    *(get_items([ItemId(ODD), ItemId("b")], properties) for properties in Properties),
    get_attachment(AttachmentId(ODD)),
]


@pytest.mark.parametrize(
    "name", ["CreateItem", "DeleteItem", "SendItem", "MoveItem", "UpdateItem", "EmptyFolder", "X"]
)
def test_nothing_but_reading_can_be_asked(name: str) -> None:
    with pytest.raises(ValueError, match="only reads"):
        Operation(name, "")


@pytest.fixture(scope="module", params=["ews-2010sp2", "ews-2017"])
def schema(
    request: pytest.FixtureRequest, shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> etree.XMLSchema:
    """Microsoft's schema, with the import of `xml:` pointed at a local file."""
    folder = tmp_path_factory.mktemp("schema")
    for file in (shared / "schema" / request.param).glob("*.xsd"):
        (folder / file.name).write_bytes(
            re.sub(
                rb"<(\w+:)?import [^>]*XML/1998/namespace[^>]*/>",
                rb'<\1import namespace="http://www.w3.org/XML/1998/namespace" schemaLocation="xml.xsd"/>',
                file.read_bytes(),
            )
        )
    (folder / "xml.xsd").write_bytes((shared / "schema" / "xml.xsd").read_bytes())
    return etree.XMLSchema(etree.parse(str(folder / "messages.xsd")))


@pytest.mark.schema
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_request_is_valid(operation: Operation, schema: etree.XMLSchema) -> None:
    root = etree.fromstring(
        envelope(operation, version=VERSIONS[0], impersonated="a&b@example.com")
    )
    header, body = root
    for part in (*header, body[0]):
        schema.assertValid(etree.fromstring(etree.tostring(part)))
