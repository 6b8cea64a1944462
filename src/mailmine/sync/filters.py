"""Which folders and which emails of a mailbox are wanted (spec/communications-mining.md, section 4).

Deny beats allow; an empty allow list means all; a folder stands for its whole subtree; case does not matter.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from mailmine.exchange.reader import SEARCH_FOLDERS
from mailmine.model.email import Email, Metadata
from mailmine.model.integration import Filters

_NO_FILTERS = Filters()


def is_folder_wanted(path: tuple[str, ...], filters: Filters) -> bool:
    """Tell whether mail in the folder with this path is wanted."""
    if is_folder_denied(path, filters):
        return False
    return not filters.folder_allowlist or _lies_in(path, filters.folder_allowlist)


def is_folder_denied(path: tuple[str, ...], filters: Filters) -> bool:
    """Tell whether the folder with this path is to be left out whatever else is wanted."""
    return _lies_in(path, filters.folder_denylist)


def wants_search_folders(filters: Filters) -> bool:
    """Tell whether a person named search folders: what they find lies elsewhere too, so none is read otherwise."""
    return any(
        folder[:1] and folder[0].casefold() == SEARCH_FOLDERS.casefold()
        for folder in filters.folder_allowlist
    )


def is_email_wanted(email: Email, filters: Filters) -> bool:
    """Tell whether the people of this email make it wanted.

    The two allow lists are one list: an email is wanted when anybody in it is on either. One person or
    domain on a deny list is enough to leave it out.
    """
    if filters == _NO_FILTERS:
        return True
    denied = _folded(filters.participant_denylist)
    denied_domains = _domains(filters.participant_domain_denylist)
    allowed = _folded(filters.participant_allowlist)
    allowed_domains = _domains(filters.participant_domain_allowlist)
    people = set(participants(email))
    domains = {address.rpartition("@")[2] for address in people if "@" in address}
    if people & denied or domains & denied_domains:
        return False
    if not allowed and not allowed_domains:
        return True
    return bool(people & allowed or domains & allowed_domains)


def is_recent_enough(email: Email, metadata: Metadata, start_at: datetime | None) -> bool:
    """Tell whether the email came at or after the start; one without any time is wanted."""
    came_at = metadata.received_at or email.sent_at
    return start_at is None or came_at is None or came_at >= start_at


def participants(email: Email) -> Iterator[str]:
    """Give the addresses of all who sent or got the email, case-folded."""
    senders = (someone for someone in (email.from_, email.sender) if someone is not None)
    for someone in (*senders, *email.to, *email.cc, *email.bcc):
        if address := someone.address.strip().casefold():
            yield address


def _lies_in(path: tuple[str, ...], listed: Iterable[tuple[str, ...]]) -> bool:
    folded = tuple(part.casefold() for part in path)
    return any(
        folded[: len(folder)] == tuple(part.casefold() for part in folder) for folder in listed
    )


def _folded(addresses: Iterable[str]) -> frozenset[str]:
    return frozenset(address.strip().casefold() for address in addresses)


def _domains(domains: Iterable[str]) -> frozenset[str]:
    return frozenset(domain.strip().removeprefix("@").casefold() for domain in domains)
