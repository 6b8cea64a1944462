"""The names of folders that every mailbox has, and the schema that first had each (DistinguishedFolderIdNameType)."""

from typing import Final

from exchange_simulator.ews.soap import SoapFaultError
from exchange_simulator.versions import BEFORE_SP1, Schema

_EVER: Final = frozenset(
    [
        "calendar",
        "contacts",
        "deleteditems",
        "drafts",
        "inbox",
        "journal",
        "notes",
        "outbox",
        "sentitems",
        "tasks",
        "msgfolderroot",
        "publicfoldersroot",
        "root",
        "junkemail",
        "searchfolders",
        "voicemail",
    ]
)
_2010_SP1: Final = frozenset(
    [
        "recoverableitemsroot",
        "recoverableitemsdeletions",
        "recoverableitemsversions",
        "recoverableitemspurges",
        "archiveroot",
        "archivemsgfolderroot",
        "archivedeleteditems",
        "archiverecoverableitemsroot",
        "archiverecoverableitemsdeletions",
        "archiverecoverableitemsversions",
        "archiverecoverableitemspurges",
    ]
)
_2013: Final = frozenset(
    [
        "archiveinbox",
        "recoverableitemsdiscoveryholds",
        "archiverecoverableitemsdiscoveryholds",
        "syncissues",
        "conflicts",
        "localfailures",
        "serverfailures",
        "recipientcache",
        "quickcontacts",
        "conversationhistory",
        "adminauditlogs",
        "todosearch",
        "mycontacts",
        "directory",
        "imcontactlist",
        "peopleconnect",
        "favorites",
    ]
)


def check_distinguished(name: str, claimed: str, schema: Schema) -> None:
    """Refuse a name that the schema does not have, as Exchange does: with the whole request. Raises SoapFaultError.

    What is unknown to 2016 and later may be of a revision after the last published one: it is a folder not found.
    """
    if schema >= Schema.EXCHANGE_2016:
        return
    known = _EVER | _2010_SP1 if claimed not in BEFORE_SP1 else _EVER
    if schema >= Schema.EXCHANGE_2013:
        known |= _2013
    if name not in known:
        raise SoapFaultError(
            "ErrorSchemaValidation",
            "The request failed schema validation: The 'Id' attribute is invalid - "
            f"The value '{name}' is invalid according to its datatype.",
        )
