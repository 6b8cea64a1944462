"""GetFolder: folders by their ids or distinguished names."""

from lxml import etree

from exchange_simulator.ews import folders
from exchange_simulator.ews.batch import batch
from exchange_simulator.ews.caller import Caller
from exchange_simulator.ews.shapes import folder_shape
from exchange_simulator.ews.soap import M


def get_folder(caller: Caller, request: etree._Element) -> str:
    """Answer with each folder."""
    shape = folder_shape(request.find(f"{M}FolderShape"), caller.schema)

    def answer(element: etree._Element) -> str:
        mailbox, folder = caller.folder(element)
        caller.planned_failure()
        written = folders.folder(mailbox, folder, shape, is_owner=caller.is_owner(mailbox))
        return f"<m:Folders>{written}</m:Folders>"

    wanted = caller.elements(request.find(f"{M}FolderIds"))
    return batch(caller, "GetFolder", wanted, answer, empty="<m:Folders/>")
