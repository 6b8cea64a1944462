"""The names of folders that every mailbox has, and the schema that first had each (DistinguishedFolderIdNameType)."""

from typing import Final

from exchange_simulator.ews.soap import SoapFaultError
from exchange_simulator.versions import BEFORE_SP1, Schema, Version

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


_2016: Final = frozenset(
    [
        "mecontact",
        "personmetadata",
        "teamspaceactivity",
        "teamspacemessaging",
        "teamspaceworkitems",
        "scheduled",
        "orionnotes",
        "tagitems",
        "alltaggeditems",
        "externalcontacts",
        "teamchat",
        "teamchathistory",
        "yammerroot",
        "yammerinbound",
        "yammeroutbound",
        "yammerfeeds",
        "onedriveroot",
        "onedriverecylebin",
        "onedrivesystem",
        "onedrivevolume",
        "important",
        "starred",
        "archive",
    ]
)


def check_distinguished(name: str, claimed: str, schema: Schema, version: Version) -> None:
    """Refuse a name that the schema does not have, as Exchange does: with the whole request. Raises SoapFaultError.

    2010 and 2013 go by the schema that is claimed ("the schema against which the request is validated", Microsoft's
    "Versioning Requests"). 2016 and later know their own names whatever is claimed: Thunderbird asks for "archive" as
    Exchange2013_SP1. What is unknown to 2016 and later may be of a revision after the last published one: it is a
    folder not found.
    """
    if schema >= Schema.EXCHANGE_2016:
        return
    is_new = not version.is_before_2016
    known = _EVER | _2010_SP1 if is_new or claimed not in BEFORE_SP1 else _EVER
    if is_new or schema >= Schema.EXCHANGE_2013:
        known |= _2013
    if is_new:
        known |= _2016
    if name not in known:
        raise SoapFaultError(
            "ErrorSchemaValidation",
            "The request failed schema validation: The 'Id' attribute is invalid - "
            f"The value '{name}' is invalid according to its datatype.",
        )
