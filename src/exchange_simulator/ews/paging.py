"""IndexedPage views: which part of a list a FindItem or FindFolder brings."""

from collections.abc import Sequence
from typing import TypeVar

from lxml import etree

from exchange_simulator.ews.soap import SoapFaultError

Entry = TypeVar("Entry")

FIND_COUNT_LIMIT = 1000
"""EWSFindCountLimit: more are never given in one answer."""


def page(found: Sequence[Entry], view: etree._Element | None) -> tuple[Sequence[Entry], str]:
    """Cut the part asked for out of what was found, with the paging attributes of its RootFolder."""
    offset, wanted = 0, FIND_COUNT_LIMIT
    if view is not None:
        try:
            offset = int(view.get("Offset", "0"))
            wanted = min(int(view.get("MaxEntriesReturned", FIND_COUNT_LIMIT)), FIND_COUNT_LIMIT)
        except ValueError as error:
            raise SoapFaultError("ErrorSchemaValidation") from error
    if offset < 0 or wanted < 1:
        raise SoapFaultError("ErrorSchemaValidation")
    if view is not None and view.get("BasePoint") == "End":
        stop = max(len(found) - offset, 0)
        start = max(stop - wanted, 0)
        part, following, is_last = found[start:stop], len(found) - start, start == 0
    else:
        part = found[offset : offset + wanted]
        following = min(offset + wanted, len(found))
        is_last = offset + wanted >= len(found)
    attributes = (
        f'IndexedPagingOffset="{following}" TotalItemsInView="{len(found)}" '
        f'IncludesLastItemInRange="{"true" if is_last else "false"}"'
    )
    return part, attributes
