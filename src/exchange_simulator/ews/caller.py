"""Who asks, in which schema, and which folder or item is meant: what every operation begins with."""

from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from exchange_simulator import ids
from exchange_simulator.ews.distinguished import check_distinguished
from exchange_simulator.ews.soap import EwsError, SoapFaultError, T
from exchange_simulator.exchange import Exchange
from exchange_simulator.folder import Folder, Item
from exchange_simulator.mailbox import Mailbox
from exchange_simulator.versions import Schema, Version


@dataclass
class Caller:
    """One request's sender."""

    exchange: Exchange
    account: str
    acting_as: str
    """The owner whom it impersonates, or the account itself."""
    schema: Schema
    claimed: str = ""
    """The RequestServerVersion."""
    about: Mailbox | None = None
    """The mailbox that the request turned out to be about."""
    operation: str = ""
    first_code: str = "NoError"

    @property
    def version(self) -> Version:
        """The version of the server that answers: of the mailbox's own, where that is an older one."""
        return (self.about and self.about.version) or self.exchange.version

    def meet(self, mailbox: Mailbox) -> None:
        """Note which mailbox is asked about. Raises SoapFaultError where its server is too old for the claim."""
        self.about = mailbox
        if self.claimed and self.claimed not in self.version.requests:
            raise SoapFaultError("ErrorInvalidSchemaVersionForMailboxVersion")

    def elements(self, parent: etree._Element | None) -> Iterator[etree._Element]:
        """Walk the child elements of one that may be missing."""
        yield from () if parent is None else parent

    def folder(self, element: etree._Element, *, is_sync: bool = False) -> tuple[Mailbox, Folder]:
        """Find the folder that a FolderId or DistinguishedFolderId names, if the caller may read it."""
        missing = "ErrorSyncFolderNotFound" if is_sync else "ErrorFolderNotFound"
        if element.tag == f"{T}FolderId":
            try:
                named = ids.read("folder", element.get("Id", ""))
            except ids.BadIdError as error:
                raise EwsError("ErrorInvalidIdMalformed") from error
            mailbox = self.exchange.mailbox_by_guid(named.guid)
            folder = mailbox.folders.get(named.number) if mailbox else None
        elif element.tag == f"{T}DistinguishedFolderId":
            name = element.get("Id", "")
            check_distinguished(name, self.claimed, self.schema, self.version)
            mailbox = self._distinguished(element, name, missing)
            folder = mailbox.well_known(name)
        else:
            raise SoapFaultError("ErrorSchemaValidation")
        if mailbox is None or folder is None:
            raise EwsError(missing)
        self.meet(mailbox)
        if not mailbox.may_read(self.acting_as, folder):
            raise EwsError("ErrorAccessDenied")
        return mailbox, folder

    def _distinguished(self, element: etree._Element, name: str, missing: str) -> Mailbox:
        """Find the mailbox that a folder lies in which is called so in every mailbox."""
        is_2010 = self.schema is Schema.EXCHANGE_2010
        if name == "publicfoldersroot":
            if not self.exchange.has_public_folders:
                code = "PublicFolderMailboxDiscoveryFailed"
                raise EwsError("ErrorNoPublicFolderServerAvailable" if is_2010 else f"Error{code}")
            return self.exchange.public_folders
        mailbox = self._mailbox(element)
        # "archive" is an ordinary folder of 2016 and later.
        if not name.startswith("archive") or name == "archive":
            return mailbox
        if mailbox.archive is None:
            raise EwsError(missing if is_2010 else "ErrorArchiveMailboxNotEnabled")
        return mailbox.archive

    def _mailbox(self, element: etree._Element) -> Mailbox:
        address = element.findtext(f"{T}Mailbox/{T}EmailAddress") or self.acting_as
        mailbox = self.exchange.find_mailbox(address.strip())
        if mailbox is None:
            raise EwsError("ErrorNonExistentMailbox")
        self.meet(mailbox)
        return mailbox

    def item(self, element: etree._Element) -> tuple[Mailbox, Item]:
        """Find the item that an ItemId names, if the caller may read it."""
        try:
            named = ids.read("item", element.get("Id", ""))
        except ids.BadIdError as error:
            raise EwsError("ErrorInvalidIdMalformed") from error
        return self._item(named)

    def attachment(self, element: etree._Element) -> tuple[Mailbox, Item, tuple[int, ...]]:
        """Find the attachment that an AttachmentId names, if the caller may read its item."""
        try:
            named = ids.read("attachment", element.get("Id", ""))
        except ids.BadIdError as error:
            raise EwsError("ErrorInvalidAttachmentId", "Id is malformed.") from error
        mailbox, item = self._item(named)
        return mailbox, item, named.places

    def _item(self, named: ids.Id) -> tuple[Mailbox, Item]:
        mailbox = self.exchange.mailbox_by_guid(named.guid)
        item = mailbox.item(named.number) if mailbox else None
        if mailbox is None or item is None or item.folder is None:
            raise EwsError("ErrorItemNotFound")
        self.meet(mailbox)
        if not mailbox.may_read(self.acting_as, item.folder):
            raise EwsError("ErrorAccessDenied")
        return mailbox, item

    def check_synchronises(self, mailbox: Mailbox, folder: Folder | None = None) -> None:
        """Refuse to synchronise public folders, Microsoft 365 groups and search folders.

        Microsoft's documents say that it is not supported, and not with which code.
        """
        if mailbox.kind in ("public", "group") or (folder is not None and folder.finds is not None):
            raise EwsError("ErrorInvalidOperation", "The folder cannot be synchronized.")

    def is_owner(self, mailbox: Mailbox) -> bool:
        """Tell whether the mailbox is the caller's own."""
        return mailbox.address.lower() == self.acting_as.lower()

    def planned_failure(
        self, *, number: int | None = None, asked: frozenset[str] = frozenset()
    ) -> None:
        """Fail this response message, if a test planned it."""
        failure = self.exchange.take_failure(
            self.operation, self.about, number=number, asked=asked, whole=False
        )
        if failure is not None:
            raise EwsError(failure.code, inner=failure.inner)
