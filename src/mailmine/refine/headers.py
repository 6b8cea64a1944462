"""What stands in the headers of an email: words, addresses, ids, dates.

The parser of the standard library hands over headers as strings in which every byte beyond ASCII is
a surrogate; everything here takes such strings and gives clean text (RFC 2047, 2231, 5322, 6532).
"""

import binascii
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote_to_bytes

from mailmine.model.email import Address
from mailmine.model.ids import MessageId
from mailmine.refine import charset

MAX_LENGTH = 65_536
"""Characters of one header that are looked at (spec/communications-mining.md, 2.3)."""

MAX_ADDRESSES = 2_048
"""Addresses of one header that are kept (ibid.)."""

_FOLD = re.compile(r"[\r\n]+[ \t]*")
_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?\r\n]*)\?=")
_Q_ESCAPE = re.compile(rb"=([0-9A-Fa-f]{2})")
_ID = re.compile(r"<[^<>]{1,2000}>")
_SPACE = re.compile(r"\s+")
_ADDRESS_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"?|\\.|<[^<>]*>?|[(),;:]|[^"\\<(),;:]+|>', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)")
_PARAMETER_NAME = re.compile(r"([^=;\s\"]+)\s*=\s*")
_PARAMETER_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"?|[^;\r\n]*', re.DOTALL)
_NO_PARAMETER = re.compile(r"[;\s]+|\"[^\"]*\"?|[^;\s\"]+")
_ESCAPED_IN_PARAMETER = re.compile("(?<![\udc80-\udcff])\\\\(.)", re.DOTALL)
"""Behind a raw byte it is the second half of a character (Shift JIS, Big5)."""
_LINE_BREAK = re.compile(r"[\r\n]+")
_CONTINUED = re.compile(r"^([^*]+)\*(\d+)(\*?)$")
_COMMENT_IN_DATE = re.compile(r"\([^()]{0,100}\)")


def decode(value: str, hint: str = "") -> str:
    """Read a header's value as a person reads it: unfolded, encoded words and 8-bit text decoded.

    `hint` is a charset to try for raw bytes, before guessing.
    """
    value = _FOLD.sub(" ", value[:MAX_LENGTH]).strip()
    return charset.scrub(
        _decode_words(value, hint) if "=?" in value else _decode_bytes(value, hint)
    )


def _decode_bytes(value: str, hint: str) -> str:
    """Decode text whose bytes beyond ASCII are surrogates."""
    if value.isascii() and "\x1b" not in value:
        return value
    return charset.decode(value.encode("utf-8", "surrogateescape"), hint)


def _decode_words(value: str, hint: str) -> str:
    out: list[str] = []
    pending = b""
    declared = ""
    end = 0
    for word in _WORD.finditer(value):
        between = value[end : word.start()]
        name = word[1].split("*", 1)[0]  # RFC 2231, 5: charset*language
        data = _word_bytes(word[2], word[3])
        # Between two encoded words white space is not text, and a character may be cut in two.
        if end and not between.strip():
            if name.lower() == declared.lower():
                pending += data
            else:
                out.append(charset.decode(pending, declared))
                pending, declared = data, name
        else:
            if pending:
                out.append(charset.decode(pending, declared))
            out.append(_decode_bytes(between, hint))
            pending, declared = data, name
        end = word.end()
    out.append(charset.decode(pending, declared))
    out.append(_decode_bytes(value[end:], hint))
    return "".join(out)


def _word_bytes(encoding: str, text: str) -> bytes:
    if encoding in "qQ":
        data = text.replace("_", " ").encode("utf-8", "surrogateescape")
        return _Q_ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), data)
    data = re.sub(r"[^A-Za-z0-9+/]", "", text).encode()
    if len(data) % 4 == 1:
        data = data[:-1]
    return binascii.a2b_base64(data + b"=" * (-len(data) % 4))


def addresses(value: str, hint: str = "") -> tuple[Address, ...]:
    """Read the addresses of a header, groups taken apart; names without comments and quotes."""
    reading = _Reading(hint)
    for piece in _ADDRESS_PIECE.findall(_FOLD.sub(" ", value[:MAX_LENGTH])):
        reading.take(piece)
    reading.close()
    return tuple(reading.found[:MAX_ADDRESSES])


class _Reading:
    """One walk over a list of addresses: what was found, and what is open."""

    def __init__(self, hint: str) -> None:
        self._hint = hint
        self.found: list[Address] = []
        self._phrase: list[str] = []
        self._comment: list[str] = []
        self._address = ""
        self._depth = 0

    def take(self, piece: str) -> None:
        first = piece[0]
        if first == "(":
            self._depth += 1
        elif first == ")":
            self._depth = max(0, self._depth - 1)
        elif self._depth:
            self._comment.append(piece)
        elif first in ",;":
            self.close()
        elif first == ":":
            self._phrase.clear()  # it was the name of a group
        elif first == "<":
            self._address = "".join(piece.strip("<> \t").split()).removeprefix("mailto:")
        elif first == '"':
            self._phrase.append(_ESCAPED.sub(r"\1", piece[1:].removesuffix('"')))
        else:
            self._phrase.append(piece)

    def close(self) -> None:
        name = decode(" ".join("".join(self._phrase).split()), self._hint)
        address = decode(self._address, self._hint)
        # Quotes inside an encoded word are no part of the name either.
        if len(name) > 1 and name[0] == name[-1] == '"':
            name = name[1:-1]
        if not address and "@" in name and " " not in name:
            name, address = decode("".join(self._comment).strip(), self._hint), name
        if name or address:
            self.found.append(Address(name=name.strip(), address=address))
        self._phrase.clear()
        self._comment.clear()
        self._address = ""


def message_id(value: str) -> MessageId | None:
    """Find the first Message-ID of a header with its angle brackets, or None where there is none."""
    text = decode(value)
    found = _ID.search(text)
    text = _SPACE.sub("", found[0]) if found else text
    return MessageId(text) if text.strip("<> ") else None


def message_ids(value: str) -> tuple[MessageId, ...]:
    """Find all Message-IDs of a header, in order, each once."""
    return tuple(
        dict.fromkeys(MessageId(_SPACE.sub("", one)) for one in _ID.findall(decode(value)))
    )


def date(value: str) -> datetime | None:
    """Read a date, in UTC; None where it is none. No zone counts as UTC, as `-0000` does."""
    text = _COMMENT_IN_DATE.sub(" ", decode(value)[:200]).strip()
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
    try:
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def pairs(value: str) -> Iterator[tuple[str, str]]:
    """Read the parameters of a MIME header as they stand there: names in lower case, quotes taken off.

    A semicolon before one may be missing.
    """
    value = value[:MAX_LENGTH]
    at = 0
    while at < len(value):
        name = _PARAMETER_NAME.match(value, at)
        text = _PARAMETER_TEXT.match(value, name.end()) if name else None
        if name is None or text is None:
            junk = _NO_PARAMETER.match(value, at)
            at = junk.end() if junk else at + 1
            continue
        at = text.end()
        quoted = text[1]
        plain = text[0].strip() if quoted is None else _ESCAPED_IN_PARAMETER.sub(r"\1", quoted)
        yield name[1].lower(), _LINE_BREAK.sub("", plain)


def parameters(value: str) -> dict[str, str]:
    """Read the parameters of a MIME header, continuations joined and decoded (RFC 2231); the first of a name counts."""
    plain: dict[str, str] = {}
    pieces: dict[str, list[tuple[int, bool, str]]] = {}
    for name, text in pairs(value):
        continued = _CONTINUED.match(name)
        if continued:
            piece = (int(continued[2][:6]), bool(continued[3]), text)
            pieces.setdefault(continued[1], []).append(piece)
        elif name.endswith("*"):
            pieces.setdefault(name[:-1], []).append((0, True, text))
        else:
            plain.setdefault(name, decode(text))
    for name, parts in pieces.items():
        plain[name] = _joined(sorted(parts))
    return plain


def _joined(parts: list[tuple[int, bool, str]]) -> str:
    declared = ""
    data = b""
    for index, (_, is_encoded, text) in enumerate(parts):
        if is_encoded and index == 0 and text.count("'") >= 2:  # noqa: PLR2004  # charset'language'text
            declared, _, text = text.split("'", 2)  # noqa: PLW2901
        piece = text.encode("utf-8", "surrogateescape")
        data += unquote_to_bytes(piece) if is_encoded else piece
    text = charset.decode(data, declared)
    return decode(text) if "=?" in text else text
