"""What the clients' own markup says: whose words a container holds.

One row a class, id or name, in lower case; a new client is a new row.
"""

import re
from functools import lru_cache

from mailmine.refine.lines import Mark

BY_CLASS = {
    "gmail_quote": Mark.HISTORY,
    "gmail_quote_container": Mark.HISTORY,
    "gmail_attr": Mark.ATTRIBUTION,
    "gmail_signature": Mark.SIGNATURE,
    "moz-cite-prefix": Mark.ATTRIBUTION,
    "moz-email-headers-table": Mark.ATTRIBUTION,
    "moz-signature": Mark.SIGNATURE,
    "yahoo_quoted": Mark.QUOTE,
    "yahoo-quoted-begin": Mark.QUOTE,
    "protonmail_quote": Mark.QUOTE,
    "protonmail_signature_block": Mark.SIGNATURE,
    "zmail_extra": Mark.QUOTE,
    "freshdesk_quote": Mark.HISTORY,
    "hs_reply": Mark.HISTORY,
    "missive_quote": Mark.HISTORY,
    "outlookmessageheader": Mark.REST,
    "sh-signature": Mark.SIGNATURE,
    "tutanota_quote": Mark.QUOTE,
    "tutanota_indented": Mark.QUOTE,
    "freebird_quote": Mark.QUOTE,
    "ms-outlook-mobile-signature": Mark.SIGNATURE,
    "applemailsignature": Mark.SIGNATURE,
    "signature": Mark.SIGNATURE,
    "yahoo-signature": Mark.SIGNATURE,
}
"""What a class of a client's own markup says."""

BY_ID = {
    "divrplyfwdmsg": Mark.REST,
    "appendonsend": Mark.REST,
    "olk_src_body_section": Mark.REST,
    "reply-intro": Mark.REST,
    "replybody": Mark.QUOTE,
    "mail-editor-reference-message-container": Mark.REST,
    "ms-outlook-mobile-body-separator-line": Mark.REST,
    "signature": Mark.SIGNATURE,
    "applemailsignature": Mark.SIGNATURE,
    "ms-outlook-mobile-signature": Mark.SIGNATURE,
    "isforwardcontent": Mark.REST,
    "isreplycontent": Mark.REST,
    "orimsghtmlseperator": Mark.REST,
    "ymail_android_signature": Mark.SIGNATURE,
    "ymail_ios_signature": Mark.SIGNATURE,
    "composer_signature": Mark.SIGNATURE,
    "canarysig": Mark.SIGNATURE,
    "stopspelling": Mark.RULE,
    "zimbra-quoted": Mark.QUOTE,
    "quoted_header": Mark.REST,
}
"""What an id of a client's own markup says."""

BY_NAME = {
    "messagereplysection": Mark.HISTORY,
    "messagesignaturesection": Mark.SIGNATURE,
    "quote": Mark.HISTORY,
    "quoted-content": Mark.QUOTE,
    "__headers__": Mark.HISTORY,
    "__quoted_text__": Mark.QUOTE,
}
"""What the name of a container says (GMX, Spark), or its `data-marker` (Zimbra)."""

_PREFIX = re.compile(r"(?:x_|ecx|ydp[\da-f]{6,12})+")
"""What Outlook on the web, Hotmail and Yahoo put before the names of others."""


def of_name(tag: str, attribute: str, name: str) -> Mark | None:
    """Say what an element with this id, or another name, holds."""
    if attribute == "id":
        return BY_ID.get(_own(name.lower()))
    return BY_NAME.get(name.lower()) if tag == "div" else None


@lru_cache(maxsize=1_024)
def of_class(names: str) -> Mark | None:
    """Say what an element with these classes holds."""
    for name in names.lower().split():
        if mark := BY_CLASS.get(_own(name)):
            return mark
    return None


def _own(name: str) -> str:
    """Give a name as the client that made it wrote it."""
    prefix = _PREFIX.match(name)
    return name[prefix.end() :] if prefix else name
