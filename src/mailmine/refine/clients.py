"""What the clients' own markup says: whose words a container holds.

One row a class or id, in lower case; a new client is a new row.
"""

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
    "x_divrplyfwdmsg": Mark.REST,
    "appendonsend": Mark.REST,
    "x_appendonsend": Mark.REST,
    "olk_src_body_section": Mark.REST,
    "reply-intro": Mark.REST,
    "replybody": Mark.QUOTE,
    "mail-editor-reference-message-container": Mark.REST,
    "ms-outlook-mobile-body-separator-line": Mark.REST,
    "signature": Mark.SIGNATURE,
    "x_signature": Mark.SIGNATURE,
    "applemailsignature": Mark.SIGNATURE,
    "ms-outlook-mobile-signature": Mark.SIGNATURE,
    "isforwardcontent": Mark.REST,
    "isreplycontent": Mark.REST,
    "orimsghtmlseperator": Mark.REST,
    "stopspelling": Mark.RULE,
    "zimbra-quoted": Mark.QUOTE,
    "quoted_header": Mark.REST,
}
"""What an id of a client's own markup says."""


def of_id(name: str) -> Mark | None:
    """Say what an element with this id holds."""
    return BY_ID.get(name.lower())


@lru_cache(maxsize=1_024)
def of_class(names: str) -> Mark | None:
    """Say what an element with these classes holds; Outlook on the web prefixes them by `x_`."""
    for name in names.lower().split():
        if mark := BY_CLASS.get(name.removeprefix("x_")):
            return mark
    return None
