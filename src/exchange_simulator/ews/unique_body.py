"""The part of a body that is not quoted from the conversation, roughly as Exchange tells it (UniqueBody)."""

import re

_QUOTE_BEGINS = re.compile(
    r"^(?:>|-{3,} ?(?:Original Message|Ursprüngliche Nachricht|Forwarded message)|_{20,}|On .{0,200} wrote:|"
    r"Am .{0,200} schrieb|(?:From|Von|De): .{0,200}$)",
    re.MULTILINE,
)


def unique_text(text: str) -> str:
    """Cut `text` where a quote begins."""
    found = _QUOTE_BEGINS.search(text)
    return text[: found.start()].rstrip() if found and found.start() else text
