"""GetItem: items by their ids."""

from lxml import etree

from exchange_simulator.ews import items
from exchange_simulator.ews.batch import batch
from exchange_simulator.ews.caller import Caller
from exchange_simulator.ews.shapes import item_shape
from exchange_simulator.ews.soap import M


def get_item(caller: Caller, request: etree._Element) -> str:
    """Answer with each item in the shape asked for, or with what is wrong with it."""
    shape = item_shape(request.find(f"{M}ItemShape"), caller.schema)

    def answer(element: etree._Element) -> str:
        mailbox, item = caller.item(element)
        caller.planned_failure(number=item.number, asked=shape.uris)
        return f"<m:Items>{items.item(mailbox, item, shape, caller.schema)}</m:Items>"

    wanted = caller.elements(request.find(f"{M}ItemIds"))
    return batch(caller, "GetItem", wanted, answer, empty="<m:Items/>")
