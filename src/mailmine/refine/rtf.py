"""Rich Text as Outlook sends it: unpacked (MS-OXRTFCP), and read as the HTML or the text that it stands for.

Outlook writes HTML into RTF so that it can be had again word for word (MS-OXRTFEX); other RTF is read as text.
One walk over the tokens, in linear time; nothing that stands there makes it raise.
"""

import re
import struct
from dataclasses import dataclass, field, replace
from typing import Final

from mailmine.refine import charset

MAX_SIZE: Final = 2 << 20
"""Bytes of RTF that are looked at; a comment holds far fewer."""

_PACKED: Final = 0x75465A4C
_UNPACKED: Final = 0x414C454D
_HEAD: Final = 16
_WINDOW: Final = 4096
_BEGINNING: Final = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor "
    rb"MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
"""What the window holds before the first byte (MS-OXRTFCP, 2.1.2.1)."""

_TOKEN = re.compile(
    rb"\\([A-Za-z]{1,32})(-?[0-9]{1,10})? ?|\\'([0-9A-Fa-f]{2})|\\(.)|([{}])|([^\\{}\r\n]+)|[\r\n]+|\\",
    re.DOTALL,
)
_HIDDEN: Final = frozenset(
    {
        "annotation",
        "colorschememapping",
        "colortbl",
        "datastore",
        "filetbl",
        "fldinst",
        "fonttbl",
        "footer",
        "footerl",
        "footerr",
        "footnote",
        "ftncn",
        "ftnsep",
        "generator",
        "header",
        "headerl",
        "headerr",
        "info",
        "latentstyles",
        "listoverridetable",
        "listtable",
        "mhtmltag",
        "nonshppict",
        "object",
        "pict",
        "pntext",
        "pntxta",
        "pntxtb",
        "revtbl",
        "rsidtbl",
        "stylesheet",
        "themedata",
        "xmlnstbl",
    }
)
"""Groups that hold nothing to be read."""
_CHARACTERS: Final = {
    "par": "\n",
    "line": "\n",
    "row": "\n",
    "sect": "\n",
    "page": "\n",
    "tab": "\t",
    "cell": "\t",
    "emdash": "—",
    "endash": "\u2013",
    "emspace": "\u2003",
    "enspace": "\u2002",
    "qmspace": "\u2005",
    "bullet": "•",
    "lquote": "\u2018",
    "rquote": "\u2019",
    "ldblquote": "“",
    "rdblquote": "”",
    "zwj": "\u200d",
    "zwnj": "\u200c",
    "ltrmark": "\u200e",
    "rtlmark": "\u200f",
}
_SYMBOLS: Final = {b"~": "\xa0", b"_": "\u2011", b"\n": "\n", b"\r": "\n", b"\t": "\t"}
_OF_FONTS: Final = {
    77: "mac-roman",
    128: "cp932",
    129: "cp949",
    130: "johab",
    134: "gbk",
    136: "big5",
    161: "cp1253",
    162: "cp1254",
    163: "cp1258",
    177: "cp1255",
    178: "cp1256",
    186: "cp1257",
    204: "cp1251",
    222: "cp874",
    238: "cp1250",
}
"""Charsets by their numbers in a table of fonts."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a piece of RTF stands for."""

    text: str
    is_html: bool


def unpack(data: bytes) -> bytes:
    """Unpack RTF as Outlook packs it; what is broken gives what can be had, no RTF nothing."""
    if len(data) < _HEAD:
        return b""
    _, size, kind, _ = struct.unpack_from("<IIII", data)
    size = min(size, MAX_SIZE)
    if kind == _UNPACKED:
        return data[_HEAD : _HEAD + size]
    return _unpacked(data, size) if kind == _PACKED else b""


def _unpacked(data: bytes, size: int) -> bytes:
    """Follow the references, each to a place in a window of what was unpacked last."""
    out = bytearray(_BEGINNING)
    most = len(out) + size
    at, end = _HEAD, len(data)
    while at < end and len(out) < most:
        flags = data[at]
        at += 1
        for bit in range(8):
            if not flags >> bit & 1:
                out += data[at : at + 1]
                at += 1
                continue
            reference = int.from_bytes(data[at : at + 2])
            at += 2
            back = (len(out) - (reference >> 4)) % _WINDOW
            # Nothing is that far back: the end is told so, and broken data looks so.
            if at > end or back == 0 or back > len(out):
                at = end
                break
            length = (reference & 15) + 2
            where = len(out) - back
            piece = out[where : where + length]
            out += (piece * (length // back + 1))[:length]
    return bytes(out[len(_BEGINNING) : most])


@dataclass(frozen=True, slots=True)
class _State:
    """What holds for a group, until it ends."""

    is_hidden: bool = False
    is_markup: bool = False
    """In a group that holds a piece of the HTML."""
    is_shadow: bool = False
    """What only readers of RTF are to see, not those of the HTML."""
    is_in_fonts: bool = False
    charset: str = ""
    fallback: int = 1
    """Characters that stand behind one in Unicode, for readers that know none."""


def read(data: bytes) -> Document:
    """Read RTF as what it stands for."""
    reading = _Reading(is_html=b"\\fromhtml" in data[:2_000])
    data = data[:MAX_SIZE]
    at = 0
    while found := _TOKEN.match(data, at):
        at = found.end()
        if skip := reading.take(found):
            at += skip
    reading.flush()
    # A character beyond the first 65,536 is told in two halves.
    pairs = "".join(reading.out).encode("utf-16-le", "surrogatepass")
    text = charset.scrub(pairs.decode("utf-16-le", "ignore"))
    return Document(text if reading.is_html else text.strip("\n"), reading.is_html)


@dataclass(slots=True)
class _Reading:
    """One walk over the tokens: what was read, and what holds."""

    is_html: bool
    out: list[str] = field(default_factory=list)
    _now: _State = field(default_factory=_State)
    _outer: list[_State] = field(default_factory=list)
    _fonts: dict[int, str] = field(default_factory=dict)
    _font: int = 0
    _default: str = "cp1252"
    _pending: bytearray = field(default_factory=bytearray)
    """Bytes that may be halves of characters."""
    _skip: int = 0
    """Characters that are to be left out, because what they stand for was read."""
    _is_optional: bool = False
    """The next word names a group that may be left out."""

    def take(self, token: re.Match[bytes]) -> int:
        """Take in a token; give how many bytes behind it are none of the text."""
        word, number, code, symbol, brace, text = token.groups()
        if text is not None:
            self._write(text)
        elif word is not None:
            return self._word(word.decode(), int(number) if number else None)
        elif code is not None:
            self._write(bytes([int(code, 16)]))
        elif brace is not None:
            self.flush()
            self._skip = 0
            if brace == b"{":
                self._outer.append(self._now)
            elif self._outer:
                self._now = self._outer.pop()
        elif symbol == b"*":
            self._is_optional = True
            return 0
        elif symbol is not None:
            self._show(_SYMBOLS.get(symbol, "" if symbol == b"-" else symbol.decode("latin-1")))
        self._is_optional = False
        return 0

    def flush(self) -> None:
        """Decode the bytes that were read."""
        if self._pending:
            self.out.append(
                charset.decode(bytes(self._pending), self._now.charset or self._default)
            )
            self._pending.clear()

    def _word(self, word: str, number: int | None) -> int:
        self.flush()
        is_optional, self._is_optional = self._is_optional, False
        if word == "bin":
            return max(number or 0, 0)
        if word == "u" and number is not None:
            self._show(chr(number % 0x10000))
            self._skip = self._now.fallback
        elif word in _CHARACTERS:
            self._show(_CHARACTERS[word])
        elif word == "htmltag" and is_optional:
            self._now = replace(self._now, is_markup=True)
        elif word in _HIDDEN or (is_optional and word != "shppict"):
            is_in_fonts = word == "fonttbl"
            self._now = replace(self._now, is_hidden=True, is_in_fonts=is_in_fonts)
        else:
            self._set(word, number)
        return 0

    def _set(self, word: str, number: int | None) -> None:
        """Take in a word that changes what holds."""
        if word == "htmlrtf":
            self._now = replace(self._now, is_shadow=number != 0)
        elif word == "uc":
            self._now = replace(self._now, fallback=min(max(number or 0, 0), 9))
        elif word == "ansicpg" and number:
            self._default = code_page(number)
        elif word == "f" and number is not None:
            if self._now.is_in_fonts:
                self._font = number
            else:
                self._now = replace(self._now, charset=self._fonts.get(number, ""))
        elif word == "fcharset" and self._now.is_in_fonts and number in _OF_FONTS:
            self._fonts[self._font] = _OF_FONTS[number]
        elif word == "plain":
            self._now = replace(self._now, charset="", is_hidden=self._now.is_hidden)
        elif word == "v" and not self.is_html:
            self._now = replace(self._now, is_hidden=number != 0)

    @property
    def _is_shown(self) -> bool:
        now = self._now
        if self.is_html and now.is_shadow:
            return False
        return now.is_markup or not now.is_hidden

    def _write(self, data: bytes) -> None:
        """Write bytes, but for those that only stand in for a character that was read."""
        left_out = min(self._skip, len(data))
        self._skip -= left_out
        if self._is_shown:
            self._pending += data[left_out:]

    def _show(self, text: str) -> None:
        self.flush()
        if self._is_shown:
            self.out.append(text)


def code_page(number: int) -> str:
    """Give the name of the charset that Windows calls by a number."""
    if number in _CODE_PAGES:
        return _CODE_PAGES[number]
    if 28591 <= number <= 28606:  # noqa: PLR2004  # ISO 8859
        return f"iso-8859-{number - 28590}"
    return f"cp{number}"


_CODE_PAGES: Final = {
    0: "cp1252",
    1200: "utf-16-le",
    1201: "utf-16-be",
    10000: "mac-roman",
    20127: "us-ascii",
    20866: "koi8-r",
    21866: "koi8-u",
    20932: "euc-jp",
    51932: "euc-jp",
    51949: "euc-kr",
    50220: "iso-2022-jp",
    50221: "iso-2022-jp",
    50222: "iso-2022-jp",
    50225: "iso-2022-kr",
    54936: "gb18030",
    65000: "utf-7",
    65001: "utf-8",
}
