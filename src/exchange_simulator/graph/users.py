"""Users as Graph's directory tells of them, and the settings of their mailboxes (resource types user, mailboxSettings)."""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from exchange_simulator.graph.caller import Caller
from exchange_simulator.graph.errors import GraphError, denied, no_property
from exchange_simulator.graph.filters import Test
from exchange_simulator.graph.pages import Listing
from exchange_simulator.mailbox import Mailbox

USUAL: Final = (
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "id",
)
"""What a user shows where nothing is selected."""
_UNKNOWN: Final = frozenset(
    [
        "city",
        "companyName",
        "country",
        "createdDateTime",
        "department",
        "employeeId",
        "onPremisesSyncEnabled",
        "postalCode",
        "state",
        "streetAddress",
        "usageLocation",
    ]
)
"""What a user may be asked for, and nobody entered here."""
LISTING: Final = Listing(size=100, most=999, place="skiptoken")
"""How users are paged (list users)."""
_ADVANCED: Final = re.compile(r"\bendswith\s*\(|\bne\b|\bnot\b", re.IGNORECASE)
_CLAUSE: Final = re.compile(r'"(?P<name>\w+):(?P<words>[^"]*)"|(?P<join>AND|OR)|(?P<other>\S)')


class User(NamedTuple):
    """Somebody in the directory, who need not have a mailbox."""

    guid: str
    name: str
    address: str

    @classmethod
    def of(cls, mailbox: Mailbox) -> "User":
        """Tell whose mailbox it is."""
        return cls(mailbox.guid, mailbox.name, mailbox.address)


def of_user(user: User, name: str) -> Any:
    """Give a property of a user. Raises GraphError where users have no such."""
    known: Mapping[str, Any] = {
        "id": user.guid,
        "displayName": user.name,
        "mail": user.address,
        "userPrincipalName": user.address,
        "mailNickname": user.address.partition("@")[0],
        "proxyAddresses": [f"SMTP:{user.address}"],
        "otherMails": [],
        "businessPhones": [],
        "accountEnabled": True,
        "userType": "Member",
    }
    if name in known:
        return known[name]
    if name not in _UNKNOWN and name not in USUAL:
        raise no_property(name, "user")
    return None


def shown(user: User, select: tuple[str, ...] | None) -> dict[str, Any]:
    """Tell of a user what is selected."""
    return {name: of_user(user, name) for name in select or USUAL}


def check_query(caller: Caller) -> None:
    """See that what the directory answers only from its index is asked for as it wants it. Raises GraphError.

    The header ConsistencyLevel goes with all such, and `$count` with filters ("Advanced query capabilities on Microsoft Entra
    ID objects").
    """
    query = caller.query
    if query.get("skip") is not None:
        raise GraphError(400, "Request_BadRequest", "'$skip' is not supported by the service.")
    is_eventual = caller.headers.get("ConsistencyLevel", "").lower() == "eventual"
    counts = (query.get("count") or "").lower() == "true"
    if caller.counts and not is_eventual:
        raise GraphError(400, "Request_BadRequest", "$count is not currently supported.")
    if query.get("search") and not is_eventual:
        message = "Request with $search query parameter only works through MSGraph with a special request header: 'ConsistencyLevel: eventual'"
        raise GraphError(400, "Request_UnsupportedQuery", message)
    written = re.sub(r"'(?:[^']|'')*'", "''", query.get("filter") or "")
    is_counted = caller.counts or counts
    if (_ADVANCED.search(written) or (written and query.get("orderby"))) and not (
        is_eventual and is_counted
    ):
        raise GraphError(400, "Request_UnsupportedQuery", "Unsupported Query.")


def read_search(text: str) -> Test:
    """Read a `$search` of the directory: `"displayName:ann"`, joined by AND and OR, each the beginning of a word."""
    either: list[list[tuple[str, str]]] = [[]]
    for found in _CLAUSE.finditer(text.strip()):
        if found["other"]:
            message = 'Syntax error: each clause is to be written as "property:words".'
            raise GraphError(400, "BadRequest", message)
        if found["name"]:
            either[-1].append((found["name"], found["words"].strip().lower()))
        elif found["join"] == "OR":
            either.append([])

    def test(get: Any) -> bool:
        return any(
            all(
                re.search(rf"\b{re.escape(words)}", str(get(name) or "").lower())
                for name, words in clauses
            )
            for clauses in either
        )

    return test


def settings(caller: Caller, mailbox: Mailbox, name: str | None) -> dict[str, Any]:
    """Tell how a mailbox is set up, or one of its settings. Raises GraphError."""
    may_see_settings(caller)
    at = {"dateTime": "2020-01-01T00:00:00.0000000", "timeZone": "UTC"}
    found: dict[str, Any] = {
        "archiveFolder": None,
        "timeZone": "UTC",
        "delegateMeetingMessageDeliveryOptions": "sendToDelegateOnly",
        "dateFormat": "yyyy-MM-dd",
        "timeFormat": "HH:mm",
        "userPurpose": "shared" if mailbox.kind == "shared" else "user",
        "automaticRepliesSetting": {
            "status": "disabled",
            "externalAudience": "all",
            "internalReplyMessage": "",
            "externalReplyMessage": "",
            "scheduledStartDateTime": at,
            "scheduledEndDateTime": at,
        },
        "language": {"locale": "en-US", "displayName": "English (United States)"},
        "workingHours": {
            "daysOfWeek": ["monday", "tuesday", "wednesday", "thursday", "friday"],
            "startTime": "08:00:00.0000000",
            "endTime": "17:00:00.0000000",
            "timeZone": {"name": "UTC"},
        },
    }
    if name is None:
        return found
    if name not in found:
        raise no_property(name, "mailboxSettings")
    value = found[name]
    return value if isinstance(value, dict) else {"value": value}


def may_see_settings(caller: Caller) -> None:
    """See that the application may read settings, which no right to read mail includes. Raises GraphError."""
    if not caller.identity.roles & {"MailboxSettings.Read", "MailboxSettings.ReadWrite"}:
        raise denied()
