"""ConvertId: one name for another. Here all formats name alike, but for the writing of hexadecimal ones."""

import base64
import binascii

from lxml import etree

from exchange_simulator import ids
from exchange_simulator.ews.batch import batch
from exchange_simulator.ews.caller import Caller
from exchange_simulator.ews.soap import EwsError, M, SoapFaultError, attribute

_FORMATS = frozenset(("EwsLegacyId", "EwsId", "EntryId", "HexEntryId", "StoreId", "OwaId"))


def convert_id(caller: Caller, request: etree._Element) -> str:
    """Answer with each id in the format asked for."""
    wanted = request.get("DestinationFormat", "")
    if wanted not in _FORMATS:
        raise SoapFaultError("ErrorSchemaValidation")

    def answer(element: etree._Element) -> str:
        caller.planned_failure()
        given = element.get("Id", "")
        try:
            raw = (
                bytes.fromhex(given)
                if element.get("Format") == "HexEntryId"
                else base64.b64decode(given.replace("-", "/").replace("_", "+"), validate=True)
            )
        except (binascii.Error, ValueError) as error:
            raise EwsError("ErrorInvalidIdMalformed") from error
        name = base64.b64encode(raw).decode()
        _check(name)
        shown = {
            "HexEntryId": raw.hex().upper(),
            "OwaId": name.replace("/", "-").replace("+", "_"),
        }.get(wanted, name)
        mailbox = attribute(element.get("Mailbox", ""))
        return (
            '<m:AlternateId xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="t:AlternateIdType"'
            f' Format="{wanted}" Id="{shown}" Mailbox="{mailbox}"/>'
        )

    return batch(caller, "ConvertId", caller.elements(request.find(f"{M}SourceIds")), answer)


def _check(name: str) -> None:
    """Refuse what this server never named."""
    for kind in ids.KINDS:
        try:
            ids.read(kind, name)
        except ids.BadIdError:
            continue
        return
    raise EwsError("ErrorInvalidIdMalformed")
