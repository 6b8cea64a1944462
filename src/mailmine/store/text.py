"""The one boundary that text crosses on its way into the store.

PostgreSQL refuses NUL in text, and neither database nor JSON takes lone surrogates. A row is
never refused for what some email says (spec/exchange.md, C.15).
"""

import re
from typing import Any

_SURROGATES = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """Drop what no database takes."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATES.sub("", text)
    return text


def clean_all(value: Any) -> Any:
    """Do the same to every text in a structure of mappings, lists and plain values."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean_all(key): clean_all(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean_all(item) for item in value]
    return value
