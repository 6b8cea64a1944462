"""SyncFolderHierarchy: which folders came, changed and went since a state."""

from lxml import etree

from exchange_simulator import ids
from exchange_simulator.ews import folders
from exchange_simulator.ews.batch import batch
from exchange_simulator.ews.caller import Caller
from exchange_simulator.ews.shapes import folder_shape
from exchange_simulator.ews.soap import TYPES, EwsError, M
from exchange_simulator.folder import Folder
from exchange_simulator.mailbox import Mailbox

NOTHING = "<m:SyncState/><m:IncludesLastFolderInRange>true</m:IncludesLastFolderInRange>"
"""What an error holds as well (Microsoft's example of one)."""


def sync_folder_hierarchy(caller: Caller, request: etree._Element) -> str:
    """Answer with the changes of all folders below the one asked for (by default msgfolderroot).

    A state belongs to its root as it was named: taken with no SyncFolderId it is no use with one
    (`spec/exchange.md`, part A, ErrorInvalidSyncStateData).
    """
    shape = folder_shape(request.find(f"{M}FolderShape"), caller.schema)
    target = request.find(f"{M}SyncFolderId")
    is_named = target is not None
    if target is None:
        target = etree.fromstring(
            f'<SyncFolderId xmlns="{TYPES}"><DistinguishedFolderId Id="msgfolderroot"/></SyncFolderId>'
        )

    def answer(element: etree._Element) -> str:
        mailbox, root = caller.folder(element, is_sync=True)
        if not mailbox.may_read(caller.acting_as):
            raise EwsError("ErrorAccessDenied")
        caller.check_synchronises(mailbox)
        caller.planned_failure()
        scope = f"hierarchy {mailbox.guid} {root.number if is_named else 'default'}"
        text = request.findtext(f"{M}SyncState")
        try:
            since = ids.read_sync_state(scope, text)[0] if text else None
        except ids.BadIdError as error:
            raise EwsError("ErrorInvalidSyncStateData") from error
        is_owner = caller.is_owner(mailbox)
        written = "".join(
            f"<t:{kind}>{folders.folder(mailbox, folder, shape, is_owner=is_owner)}</t:{kind}>"
            for kind, folder in _changed(root, since)
        ) + "".join(_gone(mailbox, since))
        change = max((f.change for f in mailbox.folders.values()), default=0)
        change = max([change, *(gone[0] for gone in mailbox.gone_folders[-1:])])
        state = ids.sync_state(scope, change, padding=caller.exchange.sync_state_padding)
        return (
            f"<m:SyncState>{state}</m:SyncState>"
            "<m:IncludesLastFolderInRange>true</m:IncludesLastFolderInRange>"
            f"<m:Changes>{written}</m:Changes>"
        )

    return batch(caller, "SyncFolderHierarchy", caller.elements(target), answer, empty=NOTHING)


def _changed(root: Folder, since: int | None) -> list[tuple[str, Folder]]:
    return [
        ("Create" if since is None or folder.created_change > since else "Update", folder)
        for folder in root.subfolders()
        if since is None or folder.change > since
    ]


def _gone(mailbox: Mailbox, since: int | None) -> list[str]:
    if since is None:
        return []
    return [
        f'<t:Delete><t:FolderId Id="{ids.folder_id(mailbox.guid, number)}"/></t:Delete>'
        for change, number, created in mailbox.gone_folders
        if change > since >= created
    ]
