"""SyncFolderItems: what changed in a folder since a state, at most 512 changes a page, newest first at the beginning."""

from lxml import etree

from exchange_simulator import ids
from exchange_simulator.changes import State
from exchange_simulator.ews import items, soap
from exchange_simulator.ews.batch import batch
from exchange_simulator.ews.caller import Caller
from exchange_simulator.ews.shapes import Shape, item_shape
from exchange_simulator.ews.soap import EwsError, M, SoapFaultError
from exchange_simulator.folder import Gone, Item
from exchange_simulator.mailbox import Mailbox

MAX_CHANGES = 512
NOTHING = "<m:SyncState/><m:IncludesLastItemInRange>true</m:IncludesLastItemInRange>"
"""What an error holds as well (Microsoft's example of one)."""


def sync_folder_items(caller: Caller, request: etree._Element) -> str:
    """Answer with a page of changes and the state after it."""
    shape = item_shape(request.find(f"{M}ItemShape"), caller.schema, is_list=True)
    limit = _limit(request)
    with_associated = request.findtext(f"{M}SyncScope", "NormalItems") == "NormalAndAssociatedItems"
    ignored = {element.get("Id") for element in caller.elements(request.find(f"{M}Ignore"))}

    def answer(element: etree._Element) -> str:
        mailbox, folder = caller.folder(element, is_sync=True)
        caller.check_synchronises(mailbox, folder)
        caller.planned_failure()
        scope = f"items {mailbox.guid} {folder.number}"
        page = mailbox.changes(
            folder,
            _state(scope, request.findtext(f"{M}SyncState")),
            limit=limit,
            with_associated=with_associated,
            oldest_first=caller.version.loads_oldest_first,
        )
        written = "".join(
            _change(caller, mailbox, kind, what, shape)
            for kind, what in page.changes
            if ids.item_id(mailbox.guid, what.number) not in ignored
        )
        state = ids.sync_state(scope, *page.state, padding=caller.exchange.sync_state_padding)
        return (
            f"<m:SyncState>{state}</m:SyncState>"
            f"<m:IncludesLastItemInRange>{soap.boolean(page.is_last)}</m:IncludesLastItemInRange>"
            f"<m:Changes>{written}</m:Changes>"
        )

    folder = caller.elements(request.find(f"{M}SyncFolderId"))
    return batch(caller, "SyncFolderItems", folder, answer, empty=NOTHING)


def _limit(request: etree._Element) -> int:
    try:
        limit = int(request.findtext(f"{M}MaxChangesReturned", ""))
    except ValueError:
        limit = 0
    if not 1 <= limit <= MAX_CHANGES:
        raise SoapFaultError(
            "ErrorSchemaValidation",
            "The request failed schema validation: The 'MaxChangesReturned' element is invalid - "
            f"the value must be from 1 to {MAX_CHANGES}.",
        )
    return limit


def _state(scope: str, text: str | None) -> State | None:
    if not text:
        return None
    try:
        return State(*ids.read_sync_state(scope, text))
    except ids.BadIdError as error:
        raise EwsError("ErrorInvalidSyncStateData") from error


def _change(caller: Caller, mailbox: Mailbox, kind: str, what: Item | Gone, shape: Shape) -> str:
    if isinstance(what, Gone):
        key = ids.change_key("item", mailbox.guid, what.created_change)
        return f'<t:Delete><t:ItemId Id="{ids.item_id(mailbox.guid, what.number)}" ChangeKey="{key}"/></t:Delete>'
    if kind == "ReadFlagChange":
        read = soap.boolean(what.is_read)
        return f"<t:ReadFlagChange>{items.item_id(mailbox, what)}<t:IsRead>{read}</t:IsRead></t:ReadFlagChange>"
    return f"<t:{kind}>{items.item(mailbox, what, shape, caller.schema)}</t:{kind}>"
