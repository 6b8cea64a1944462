"""Bytes become text, whatever their sender says they are.

Declared charset first, then strict UTF-8, then a guess: senders name charsets that do not exist,
that are wrong, or none at all, and no such mail may stop a folder (spec/exchange.md, C 14).
"""

import codecs
import re

import chardet

GUESS_FROM = 20_000
"""Bytes that the guess looks at: more makes it slower, not better."""

GUESS_AT = 6
"""Bytes beyond ASCII that a guess needs; fewer are accents of Western Europe."""

ALIASES = {
    # What senders write, and what Python calls the superset that they mean (WHATWG Encoding, 4.2).
    "us-ascii": "windows-1252",
    "ascii": "windows-1252",
    "iso-8859-1": "windows-1252",
    "iso8859-1": "windows-1252",
    "iso_8859-1": "windows-1252",
    "latin1": "windows-1252",
    "iso-8859-9": "windows-1254",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "x-sjis": "cp932",
    "big5": "big5hkscs",
    "tis-620": "cp874",
    "iso-8859-11": "cp874",
    "x-mac-roman": "mac-roman",
    "macintosh": "mac-roman",
    "x-mac-cyrillic": "mac-cyrillic",
    "unicode-1-1-utf-7": "utf-7",
    "x-unicode-2-0-utf-7": "utf-7",
    "cp-850": "cp850",
    "utf8mb4": "utf-8",
    "unicode": "utf-16",
}

UNKNOWN = {"", "x-unknown", "unknown-8bit", "unknown", "8bit", "binary", "default"}

_NO_CHARSETS = {"undefined", "idna", "punycode", "unicode-escape", "raw-unicode-escape"}
"""Python decodes by these, too; no mail is written in them."""

_ISO_2022 = re.compile(rb"\x1b\$(?:[@AB]|\([CD]|(\)C))")
"""Switches to characters of two bytes, in ASCII all of it; of Korean where `)C` follows."""

_UNWANTED = re.compile("[\x00\ud800-\udfff]")


def scrub(text: str) -> str:
    """`text` without NUL and lone surrogates, which no database takes (spec/exchange.md, C 15)."""
    return _UNWANTED.sub("", text) if not text.isascii() or "\x00" in text else text


def codec(name: str) -> str | None:
    """Python's name of a charset for text, or None where there is no such thing."""
    # A comment may follow (RFC 2045, 5.1).
    name = (name.split() or [""])[0].strip("'\";").lower()
    if name in UNKNOWN:
        return None
    name = ALIASES.get(name, name)
    try:
        known = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    # rot13, zlib and the like are codecs, but no charsets.
    is_charset = getattr(known, "_is_text_encoding", True) and known.name not in _NO_CHARSETS
    return known.name if is_charset else None


def decode(data: bytes, declared: str = "") -> str:
    """Decode without ever raising: as declared, as UTF-8, as guessed, with replacements at last."""
    if data.isascii() and b"\x1b" not in data and not _is_stateful(declared):
        return data.decode("ascii").replace("\x00", "")
    name = codec(declared)
    if data.isascii() and not _is_stateful(declared) and (switch := _ISO_2022.search(data)):
        # Japanese and Korean that nothing declares: in ASCII an escape means no text at all.
        name = "iso2022_kr" if switch[1] else "iso2022_jp_2"
    for candidate in dict.fromkeys((name, "utf-8")):
        if candidate is None or (candidate == "cp1252" and _is_utf8(data)):
            continue
        try:
            return scrub(data.decode(candidate))
        except (UnicodeError, ValueError):
            continue
    # One bad byte in a long text says nothing against the charset that its sender named.
    if name and name != "utf-8":
        text = data.decode(name, "replace")
        if text.count("\ufffd") * 50 < len(text):
            return scrub(text)
    return scrub(_guess(data))


def _is_utf8(data: bytes) -> bool:
    """Whether bytes beyond ASCII are UTF-8: it hardly ever happens by chance."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_stateful(declared: str) -> bool:
    """Whether plain ASCII bytes may stand for other characters in this charset."""
    name = declared.lower()
    return "utf-7" in name or "utf-16" in name or "2022" in name or name.startswith("hz")


def _guess(data: bytes) -> str:
    if sum(byte > 127 for byte in data[:GUESS_FROM]) < GUESS_AT:  # noqa: PLR2004  # ASCII ends there
        return data.decode("cp1252", "replace")
    try:
        guess = chardet.detect(data[:GUESS_FROM])["encoding"]
    except Exception:  # noqa: BLE001  # whatever goes wrong inside a guess, there is an answer
        guess = None
    name = codec(guess or "") or "cp1252"
    text = data.decode(name, "replace")
    # A broken UTF-8 text is still UTF-8 where most of it is whole.
    as_utf8 = data.decode("utf-8", "replace")
    return as_utf8 if as_utf8.count("\ufffd") <= text.count("\ufffd") else text
