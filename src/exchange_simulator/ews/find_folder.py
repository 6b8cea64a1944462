"""FindFolder: the folders below a folder."""

from lxml import etree

from exchange_simulator.ews import folders, restrictions
from exchange_simulator.ews.batch import batch
from exchange_simulator.ews.caller import Caller
from exchange_simulator.ews.paging import page
from exchange_simulator.ews.shapes import folder_shape
from exchange_simulator.ews.soap import EwsError, M, SoapFaultError


def find_folder(caller: Caller, request: etree._Element) -> str:
    """Answer with the children (Shallow) or all folders below (Deep) that the caller may see."""
    shape = folder_shape(request.find(f"{M}FolderShape"), caller.schema)
    traversal = request.get("Traversal")
    if traversal not in ("Shallow", "Deep", "SoftDeleted"):
        raise SoapFaultError("ErrorSchemaValidation")
    matches = restrictions.of_folders(request.find(f"{M}Restriction"))
    view = request.find(f"{M}IndexedPageFolderView")

    def answer(element: etree._Element) -> str:
        mailbox, parent = caller.folder(element)
        caller.planned_failure()
        if traversal == "Deep" and mailbox.kind == "public":
            raise EwsError("ErrorInvalidOperation", "Public folders have no deep traversal.")
        below = {"Shallow": parent.children, "SoftDeleted": []}.get(
            traversal, list(parent.subfolders())
        )
        found = [
            folder
            for folder in below
            if mailbox.may_read(caller.acting_as, folder) and matches(folder)
        ]
        part, attributes = page(found, view)
        is_owner = caller.is_owner(mailbox)
        written = "".join(folders.folder(mailbox, f, shape, is_owner=is_owner) for f in part)
        return f"<m:RootFolder {attributes}><t:Folders>{written}</t:Folders></m:RootFolder>"

    parents = caller.elements(request.find(f"{M}ParentFolderIds"))
    return batch(caller, "FindFolder", parents, answer)
