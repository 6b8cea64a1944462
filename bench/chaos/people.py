"""The people of all mailboxes: they get mail, move, copy and delete it, and remember what they did."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Final

from bench.chaos.world import TOWNS, Town, World
from exchange_simulator import Mailbox, Message
from exchange_simulator.folder import Folder

FOLDERS: Final = ("Inbox", "Done", "Inbox/Orders", "Archive/2026", "Deleted Items")
ATTACHED: Final = 0.25
"""The part of the emails that have an attachment."""
NAMELESS: Final = 8
"""Of so many emails, one comes without a Message-ID."""


@dataclass
class Email:
    """One email, and all that lies of it anywhere."""

    number: int
    town: Town
    has_attachment: bool
    copies: list[Message] = field(default_factory=list)
    """Those that were not deleted."""

    @property
    def message_id(self) -> str:
        """Its Message-ID, which some keep to themselves."""
        return message_id(self.number)

    def forget_gone(self) -> None:
        """Forget copies that are gone."""
        self.copies = [one for one in self.copies if one.folder is not None]

    def shown(self) -> list[str]:
        """Give the folders of the copies, as the comment shows them."""
        return [shown(one.folder) for one in self.copies if one.folder is not None]


def message_id(number: int) -> str:
    """Name an email."""
    return f"<{number}@chaos.example>"


def shown(path: str) -> str:
    """Write a folder as comments do."""
    return f"{path.rpartition('/')[2]} (/ {path.replace('/', ' / ')})"


class People:
    """Does what is drawn, and says it."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self._world = world
        self.chance = chance
        self.emails: dict[str, Email] = {}
        """By Message-ID."""
        self._folders: dict[str, list[Folder]] = {}
        self._renamed = 0

    def do(self) -> str:
        """Let somebody do something."""
        with self._world.exchange.lock:
            return self._do()

    def newest(self, town: Town) -> Email | None:
        """Give the last email of a town that still lies somewhere."""
        mine = [one for one in self._lying() if one.town is town]
        return mine[-1] if mine else None

    def _do(self) -> str:
        acts = (
            (50, self._deliver),
            (20, self._move),
            (6, self._copy),
            (6, self._delete),
            (3, self._there_and_back),
            (3, self._rename_folder),
            (1, self._delete_folder),
            (6, self._mark),
        )
        (act,) = self.chance.choices([one for _, one in acts], [weight for weight, _ in acts])
        said = act()
        for email in self._lying():
            email.forget_gone()
        return said

    def _lying(self) -> list[Email]:
        return [one for one in self.emails.values() if one.copies]

    def _deliver(self) -> str:
        town = self.chance.choice(TOWNS)
        boxes = self.chance.sample(town.mailboxes, self.chance.choice((1, 1, 1, 1, 2)))
        email = Email(len(self.emails), town, self.chance.random() < ATTACHED)
        folders = [self._some_folder(box) for box in boxes]
        raw = _raw(email, boxes)
        for box, folder in zip(boxes, folders, strict=True):
            mailbox = self._mailbox(box)
            if mailbox is not None:
                email.copies.append(mailbox.deliver(raw, folder.path))
        self.emails[email.message_id] = email
        return f"{email.number} to {', '.join(boxes)}"

    def _move(self) -> str:
        email, copy = self._some_copy()
        if email is None or copy is None:
            return ""
        before, folder = copy.folder, self._some_folder(copy.mailbox.address)
        copy.move(folder.path)
        return f"{email.number} from {before} to {folder.path}"

    def _there_and_back(self) -> str:
        email, copy = self._some_copy()
        if email is None or copy is None or copy.folder is None:
            return ""
        before = copy.folder
        copy.move(self._some_folder(copy.mailbox.address).path)
        copy.move(before)
        return f"{email.number} away and back"

    def _copy(self) -> str:
        email, copy = self._some_copy()
        if email is None or copy is None:
            return ""
        email.copies.append(copy.copy(self._some_folder(copy.mailbox.address).path))
        return f"{email.number} copied"

    def _delete(self) -> str:
        email, copy = self._some_copy()
        if email is None or copy is None:
            return ""
        copy.delete()
        return f"{email.number} deleted"

    def _mark(self) -> str:
        email, copy = self._some_copy()
        if email is None or copy is None:
            return ""
        copy.mark_read(read=not copy.item.is_read)
        return f"{email.number} marked"

    def _rename_folder(self) -> str:
        box = self.chance.choice(self.chance.choice(TOWNS).mailboxes)
        folder = self.chance.choice(self._of(box))
        mailbox = self._mailbox(box)
        if folder.well_known or mailbox is None:
            return ""
        self._renamed += 1
        before = folder.path
        mailbox.rename_folder(folder.path, f"Renamed {self._renamed}")
        return f"{box} {before} is {folder.path}"

    def _delete_folder(self) -> str:
        box = self.chance.choice(self.chance.choice(TOWNS).mailboxes)
        folder = self.chance.choice(self._of(box))
        mailbox = self._mailbox(box)
        if folder.well_known or mailbox is None:
            return ""
        before = folder.path
        mailbox.delete_folder(before)
        del self._folders[box]
        return f"{box} {before} deleted"

    def _mailbox(self, box: str) -> Mailbox | None:
        return self._world.exchange.find_mailbox(box)

    def _some_folder(self, box: str) -> Folder:
        return self.chance.choice(self._of(box))

    def _of(self, box: str) -> Sequence[Folder]:
        """Give the folders of a mailbox that mail is put into; a renamed one stays itself."""
        if box not in self._folders:
            mailbox = self._world.mailboxes[box]
            self._folders[box] = [mailbox.make_folder(path) for path in FOLDERS]
        return self._folders[box]

    def _some_copy(self) -> tuple[Email | None, Message | None]:
        lying = self._lying()
        if not lying:
            return None, None
        # Mail of the last hours is touched more often than what is old.
        email = lying[-1 - int(len(lying) * self.chance.random() ** 2)]
        return email, self.chance.choice(email.copies)


def _raw(email: Email, boxes: Sequence[str]) -> bytes:
    message = EmailMessage()
    if email.number % NAMELESS:
        message["Message-ID"] = email.message_id
    message["From"] = "Ann <ann@chaos.example>"
    message["To"] = ", ".join(boxes)
    message["Subject"] = f"Order {email.number}"
    message["Date"] = "Mon, 02 Mar 2026 08:00:00 +0000"
    message.set_content(f"Please send {email.number} chairs.\n")
    if email.has_attachment:
        content = f"%PDF {email.number}".encode()
        message.add_attachment(content, maintype="application", subtype="pdf", filename="a.pdf")
    return message.as_bytes()
