"""What a request wants to be told of each item or folder."""

from dataclasses import dataclass
from functools import lru_cache

from lxml import etree

from exchange_simulator.ews import fields
from exchange_simulator.ews.soap import SoapFaultError, T, attribute
from exchange_simulator.versions import Schema


@dataclass(frozen=True)
class ExtendedField:
    """A MAPI property asked for by tag, or by set and name."""

    tag: int | None
    type: str
    set_id: str | None
    name: str | None
    property_id: str | None
    xml: str
    """The ExtendedFieldURI element, as it comes back in the answer."""


@dataclass(frozen=True)
class Shape:
    """The properties wanted, ready to be looked up."""

    uris: frozenset[str]
    named: frozenset[str]
    """Those asked for one by one, beyond the base shape."""
    headers: tuple[str, ...]
    """Internet headers asked for one by one."""
    extended: tuple[ExtendedField, ...]
    body: str
    """Best, HTML or Text."""
    orders: tuple[tuple[str, tuple[str, ...]], ...]
    """For each kind of item the wanted properties in the order of the schema."""

    def order(self, kind: str) -> tuple[str, ...]:
        """Give the wanted properties of this kind of item in the order of the schema."""
        return next(order for name, order in self.orders if name == kind)


def item_shape(element: etree._Element | None, schema: Schema, *, is_list: bool = False) -> Shape:
    """Read an ItemShape. Asking for what the schema does not have fails the whole request.

    A list leaves out what only GetItem can tell.
    """
    raw = b"<t:ItemShape/>" if element is None else etree.tostring(element, with_tail=False)
    return _item_shape(raw, schema, is_list=is_list)


@lru_cache(maxsize=256)
def _item_shape(raw: bytes, schema: Schema, *, is_list: bool) -> Shape:
    element = etree.fromstring(raw) if raw != b"<t:ItemShape/>" else etree.Element("empty")
    named, headers, extended = _additional(element, schema)
    base = element.findtext(f"{T}BaseShape", "IdOnly")
    everything = frozenset(
        uri for order in fields.ORDERS.values() for uri in order if uri != fields.EXTENDED
    )
    known = frozenset(uri for uri in everything if fields.exists(uri, schema))
    uris = {
        "IdOnly": frozenset(("item:ItemId",)),
        "Default": fields.ITEM_DEFAULT,
        "AllProperties": known - fields.MUST_BE_NAMED,
    }.get(base)
    if uris is None:
        raise SoapFaultError("ErrorSchemaValidation", f"The BaseShape '{base}' is invalid.")
    uris |= named | {"item:ItemId"}
    if element.findtext(f"{T}IncludeMimeContent", "false").strip() in ("true", "1"):
        uris |= {"item:MimeContent"}
    if headers:
        uris |= {"item:InternetMessageHeaders"}
    answered = uris & known - (fields.NOT_IN_LISTS if is_list else frozenset())
    wanted = answered | ({fields.EXTENDED} if extended else frozenset())
    body = element.findtext(f"{T}BodyType", "Best").strip()
    if body not in ("Best", "HTML", "Text"):
        raise SoapFaultError("ErrorSchemaValidation", f"The BodyType '{body}' is invalid.")
    return Shape(
        uris=uris,
        named=named | ({"item:MimeContent"} & uris),
        headers=() if "item:InternetMessageHeaders" in named else headers,
        extended=extended,
        body=body,
        orders=tuple(
            (kind, tuple(uri for uri in order if uri in wanted))
            for kind, order in fields.orders(schema).items()
        ),
    )


def folder_shape(element: etree._Element | None, schema: Schema) -> Shape:
    """Read a FolderShape."""
    element = etree.Element("empty") if element is None else element
    named, _, extended = _additional(element, schema)
    base = element.findtext(f"{T}BaseShape", "IdOnly")
    uris = {
        "IdOnly": frozenset(("folder:FolderId",)),
        "Default": fields.FOLDER_DEFAULT,
        "AllProperties": frozenset(uri for uri in fields.FOLDER if fields.exists(uri, schema)),
    }.get(base)
    if uris is None:
        raise SoapFaultError("ErrorSchemaValidation", f"The BaseShape '{base}' is invalid.")
    uris |= named | {"folder:FolderId"}
    wanted = uris | ({fields.EXTENDED} if extended else frozenset())
    order = tuple(uri for uri in fields.FOLDER if uri in wanted)
    return Shape(uris, named, (), extended, "Best", (("Folder", order),))


def _additional(
    element: etree._Element, schema: Schema
) -> tuple[frozenset[str], tuple[str, ...], tuple[ExtendedField, ...]]:
    named: set[str] = set()
    headers: list[str] = []
    extended: list[ExtendedField] = []
    for path in element.iterfind(f"{T}AdditionalProperties/*"):
        if path.tag == f"{T}FieldURI":
            uri = path.get("FieldURI", "")
            check(uri, schema)
            named.add(uri)
        elif path.tag == f"{T}IndexedFieldURI":
            if path.get("FieldURI") == "item:InternetMessageHeader":
                headers.append(path.get("FieldIndex", ""))
        elif path.tag == f"{T}ExtendedFieldURI":
            extended.append(extended_field(path))
    return frozenset(named), tuple(headers), tuple(extended)


def check(uri: str, schema: Schema) -> None:
    """Refuse a FieldURI that the schema does not have, as Exchange does: with the whole request."""
    if not fields.exists(uri, schema):
        raise SoapFaultError(
            "ErrorSchemaValidation",
            "The request failed schema validation: The 'FieldURI' attribute is invalid - "
            f"The value '{uri}' is invalid according to its datatype.",
        )


def extended_field(path: etree._Element) -> ExtendedField:
    """Read an ExtendedFieldURI."""
    tag = path.get("PropertyTag")
    try:
        number = None if tag is None else int(tag, 0)
    except ValueError as error:
        raise SoapFaultError(
            "ErrorSchemaValidation", f"The PropertyTag '{tag}' is invalid."
        ) from error
    attributes = "".join(
        f' {name!s}="{attribute(str(value))}"' for name, value in path.attrib.items()
    )
    return ExtendedField(
        tag=number,
        type=path.get("PropertyType", ""),
        set_id=path.get("DistinguishedPropertySetId") or path.get("PropertySetId"),
        name=path.get("PropertyName"),
        property_id=path.get("PropertyId"),
        xml=f"<t:ExtendedFieldURI{attributes}/>",
    )
