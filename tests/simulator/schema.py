"""Microsoft's schema, to hold every request and every answer against."""

import re
from pathlib import Path

from lxml import etree

SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
TYPES = "{http://schemas.microsoft.com/exchange/services/2006/types}"
MESSAGES = "{http://schemas.microsoft.com/exchange/services/2006/messages}"
OF_MESSAGES_IN_FACT = ("Notifications/{}Notification", "ErrorSubscriptionIds/{}SubscriptionId")
"""What real servers write in the namespace of messages (Microsoft's examples), and the schema has in that of types."""
_XML_NAMESPACE = re.compile(rb"<(\w+:)?import [^>]*XML/1998/namespace[^>]*/>")
_LOCAL = (
    rb'<\1import namespace="http://www.w3.org/XML/1998/namespace" schemaLocation="../xml.xsd"/>'
)
_FORBIDDEN = re.compile(rb"&#x(?:[0-8BCEF]|1[0-9A-F]|D[89A-F][0-9A-F]{2}|FFF[EF]);", re.IGNORECASE)


class Validator:
    """Says whether SOAP is valid in the version that it claims."""

    def __init__(self, schemas: Path, patched: Path) -> None:
        """Read the schemas; `patched` is an empty folder for copies that import the local xml.xsd."""
        self.checked = 0
        self.loaded: dict[str, etree.XMLSchema] = {}
        (patched / "xml.xsd").write_bytes((schemas / "xml.xsd").read_bytes())
        for name in ("ews-2010sp2", "ews-2017"):
            (patched / name).mkdir()
            for file in (schemas / name).glob("*.xsd"):
                text = _XML_NAMESPACE.sub(_LOCAL, file.read_bytes())
                (patched / name / file.name).write_bytes(text)
            self.loaded[name] = etree.XMLSchema(file=str(patched / name / "messages.xsd"))

    def check(self, envelope: bytes, name: str) -> None:
        """Raise AssertionError where the body or a header is not valid."""
        parser = etree.XMLParser(huge_tree=True)
        root = etree.fromstring(_FORBIDDEN.sub(b"&#xFFFD;", envelope), parser)
        schema = self.loaded[name]
        for part in (*root.iterfind(f"{SOAP}Header/*"), *root.iterfind(f"{SOAP}Body/*")):
            if part.tag in (f"{SOAP}Fault", f"{TYPES}RequestServerVersion"):
                continue  # faults are not in the schema; some clients try versions that never were
            alone = etree.fromstring(etree.tostring(part), parser)
            for path in OF_MESSAGES_IN_FACT:
                for found in alone.iterfind(f".//{MESSAGES}{path.format(MESSAGES)}"):
                    found.tag = str(found.tag).replace(MESSAGES, TYPES)
            try:
                schema.assertValid(alone)
            except etree.DocumentInvalid as error:
                raise AssertionError(
                    f"{name}: {error} in {etree.tostring(alone)[:800]!r}"
                ) from error
            self.checked += 1


def version_of(request: bytes) -> str:
    """Name the folder of the schema that a request claims."""
    claimed = re.search(rb'RequestServerVersion[^>]*Version="([^"]*)"', request)
    is_2010 = claimed is None or claimed[1].startswith((b"Exchange2007", b"Exchange2010"))
    return "ews-2010sp2" if is_2010 else "ews-2017"
