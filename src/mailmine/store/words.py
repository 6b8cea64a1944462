"""What a word is, for the search index, for queries and for snippets.

A word is a run of letters and digits. Chinese and Japanese are written without gaps, so each of their
characters is a word of its own: a run of them becomes a phrase, and any part of a text is found.
"""

import re
import unicodedata
from functools import lru_cache

_CJK = (
    "\u3040-\u30ff"  # kana
    "\u31f0-\u31ff"
    "\u3400-\u4dbf"  # ideographs
    "\u4e00-\u9fff"
    "\uf900-\ufaff"
    "\uff66-\uff9f"  # half-width kana
    "\U00020000-\U0003ffff"
)
_CJK_FIRST_BYTES = bytes([*range(0xE3, 0xEA), 0xEF, 0xF0])
"""Of their UTF-8; some other letters share them."""
WORD = re.compile(f"[{_CJK}]|[^\\W_{_CJK}]+")
_RUN = re.compile(f"[{_CJK}]+")
_ASCII_GAPS = bytes(
    [byte if chr(byte).isalnum() else ord(" ") for byte in range(128)] + [*range(128, 256)]
)
"""Each ASCII character that is not part of a word becomes a space, in UTF-8."""
_OTHER_GAPS = re.compile(r"[^\x00-\x7f\w]+")
_ACCENTS = re.compile("[\u0300-\u036f](?<=[a-z].)[\u0300-\u036f]*")
"""Of Latin letters alone, as SQLite's tokenizer does; elsewhere they make other letters.

Looked for by the accent, of which there are few: by the letter before takes four times as long.
"""


def fold(text: str) -> str:
    """Take away case, accents and the width of letters."""
    text = text.lower()
    if text.isascii():
        return text
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", text))
    return unicodedata.normalize("NFC", bare)


@lru_cache(maxsize=4096)
def _fold_one(character: str) -> str:
    folded = fold(character)
    return folded if len(folded) == 1 else character


def fold_in_place(text: str) -> str:
    """Fold each character on its own, so that every one stays where it is in a composed (NFC) `text`."""
    return text.lower() if text.isascii() else "".join(map(_fold_one, text))


def is_cjk(character: str) -> bool:
    """Whether a character is a word of its own."""
    return _RUN.match(character) is not None


def spaced(text: str) -> str:
    """Put gaps around characters that are words."""
    # Most mail has none of them, and looking for their first bytes is quicker than the expression.
    encoded = text.encode()
    if len(encoded.translate(None, _CJK_FIRST_BYTES)) == len(encoded):
        return text
    return _RUN.sub(lambda run: f" {' '.join(run[0])} ", text)


def plain(text: str) -> str:
    """Leave nothing but folded words, with gaps between."""
    text = spaced(fold(text)).encode().translate(_ASCII_GAPS).decode()
    return text if text.isascii() else _OTHER_GAPS.sub(" ", text)
