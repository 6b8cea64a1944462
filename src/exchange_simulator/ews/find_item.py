"""FindItem: the items of a folder, filtered and sorted."""

from lxml import etree

from exchange_simulator.ews import items, restrictions
from exchange_simulator.ews.batch import batch
from exchange_simulator.ews.caller import Caller
from exchange_simulator.ews.fields import NOT_IN_LISTS
from exchange_simulator.ews.paging import page
from exchange_simulator.ews.shapes import Shape, item_shape
from exchange_simulator.ews.soap import EwsError, M, SoapFaultError


def find_item(caller: Caller, request: etree._Element) -> str:
    """Answer with a page of the items; newest first where no order is asked for."""
    shape = item_shape(request.find(f"{M}ItemShape"), caller.schema, is_list=True)
    traversal = request.get("Traversal")
    if traversal not in ("Shallow", "Associated", "SoftDeleted"):
        raise SoapFaultError("ErrorSchemaValidation")
    _check_views(request)
    restriction = request.find(f"{M}Restriction")
    order = request.find(f"{M}SortOrder")
    view = request.find(f"{M}IndexedPageItemView")

    def answer(element: etree._Element) -> str:
        _check(shape)
        mailbox, folder = caller.folder(element)
        caller.planned_failure()
        found = [
            item
            for _, _, item in reversed(folder.holds())
            if item.is_associated == (traversal == "Associated") and traversal != "SoftDeleted"
        ]
        found = restrictions.filtered(mailbox, found, restriction)
        found = restrictions.ordered(mailbox, found, order)
        part, attributes = page(found, view)
        written = "".join(items.item(mailbox, item, shape, caller.schema) for item in part)
        return f"<m:RootFolder {attributes}><t:Items>{written}</t:Items></m:RootFolder>"

    parents = caller.elements(request.find(f"{M}ParentFolderIds"))
    return batch(caller, "FindItem", parents, answer)


def _check_views(request: etree._Element) -> None:
    for name in ("GroupBy", "DistinguishedGroupBy", "QueryString", "FractionalPageItemView"):
        if request.find(f"{M}{name}") is not None:
            raise SoapFaultError("ErrorInvalidOperation", f"{name} is not simulated.")


def _check(shape: Shape) -> None:
    """Refuse what a list cannot answer. SyncFolderItems leaves it out in silence."""
    refused = sorted(shape.named & NOT_IN_LISTS)
    if refused:
        raise EwsError(
            "ErrorInvalidPropertyRequest", f"Property is not valid for this request: {refused[0]}."
        )
