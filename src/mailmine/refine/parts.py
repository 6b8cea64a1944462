"""A raw email is taken apart into the tree of its parts (RFC 5322, 2045, 2046), as real mail needs it.

One walk from delimiter to delimiter, in time that grows with the size alone: a line is looked up among the
boundaries that are open, however deep they nest, and bodies stay where they are until they are asked for.
(The standard library's parser asks each open multipart about each line, holds an email several times in
memory, and takes the first header that breaks the rules for the beginning of the text.) Nothing that an email
holds makes it raise.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from mailmine.refine import charset, headers, transfer

MAX_PARTS: Final = 1_000
"""Parts that are read; a mail with more is not meant for people."""

MAX_LINES: Final = 1_000_000
"""Lines that are asked whether they are delimiters, which takes a second."""

MAX_DEPTH: Final = 50
"""Multiparts and messages within one another that are followed."""

MAX_GUESSES: Final = 10
"""Boundaries that are guessed within one another, where those that are named do not occur."""

MAX_HEADERS: Final = 1_000
"""Headers of one part that are kept."""

MAX_NAME: Final = 100
"""Bytes in the name of a header."""

MAX_DELIMITER: Final = 1_000
"""Bytes of a line that may be a delimiter; RFC 2046 allows 72."""

MESSAGES: Final = frozenset({"message/rfc822", "message/global", "message/news"})
"""Types of a whole message inside another."""

_BLANK: Final = b" \t\r\n"
_TYPE = re.compile(r"\s*([^\s;/\"=]{1,100})/([^\s;/\"=,]{1,100})")
_WELL_KNOWN = re.compile(
    rb"(?:from|to|cc|bcc|subject|date|sender|reply-to|message-id|in-reply-to|references|received"
    rb"|return-path|mime-version|content-[a-z-]{1,40}|x-[a-z0-9-]{1,60})[ \t]{0,9}:",
    re.IGNORECASE,
)
"""A header that shows that the line above it was a broken one, and not yet the text."""
_END_OF_HEADERS = re.compile(rb"\n\r?\n")
_LOST_PARAMETER = re.compile(rb"[a-z*0-9-]{1,40}=", re.IGNORECASE)


@dataclass(slots=True)
class Part:
    """A part of an email: its headers, where its content stands, and the parts inside."""

    headers: Sequence[tuple[str, str]]
    """In order; bytes beyond ASCII are surrogates, lines stay folded."""
    content_type: str
    """Lower-case; text/plain where it names none (RFC 2045, 5.2)."""
    source: bytes = b""
    """The email that this is a part of."""
    start: int = 0
    end: int = 0
    children: list["Part"] = field(default_factory=list)
    """Of a multipart its parts, of a message the one inside."""

    @property
    def body(self) -> bytes:
        """What stands below the headers, as it stands there."""
        return self.source[self.start : self.end]

    @property
    def content(self) -> bytes:
        """What stands below the headers, its transfer encoding undone."""
        return transfer.decode(self.body, self.encoding)

    @property
    def encoding(self) -> str:
        """How the content was made fit for transfer, lower-case."""
        return headers.decode(self.get("Content-Transfer-Encoding")).strip(' ;"').lower()

    @property
    def is_multipart(self) -> bool:
        """Whether this holds nothing but other parts."""
        return bool(self.children) and self.content_type not in MESSAGES

    def get(self, name: str) -> str:
        """Give the first header of a name; empty where there is none."""
        found = self._named(name)
        return found[0][1] if found else ""

    def get_all(self, name: str) -> list[str]:
        """Give all headers of a name."""
        return [value for _, value in self._named(name)]

    def _named(self, name: str) -> list[tuple[str, str]]:
        wanted = name.lower()
        return [one for one in self.headers if one[0].lower() == wanted]


def read(raw: bytes, *, depth: int = 0) -> Part:
    """Take a raw email apart that lies `depth` deep inside another."""
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    start = len(raw) - len(raw.lstrip(b"\r\n"))
    if raw.startswith((b"From ", b">From "), start):
        # A mailbox file's first line is no part of the mail.
        start = raw.find(b"\n", start) + 1 or len(raw)
    walk = _Walk(raw, len(raw), depth, MAX_GUESSES, _Spent())
    root, at = walk.begin(start)
    walk.go_on(at)
    return root


@dataclass(slots=True)
class _Spent:
    """What was done for one email; there is an end to it."""

    parts: int = 0
    lines: int = 0


@dataclass(slots=True)
class _Open:
    """A part whose end was not seen yet."""

    part: Part
    boundary: bytes = b""
    """Of a multipart that names one."""


class _Walk:
    """One way through an email, or through a part of it."""

    def __init__(self, raw: bytes, end: int, depth: int, guesses: int, spent: _Spent) -> None:
        self._raw = raw
        self._end = end
        self._depth = depth
        self._guesses = guesses
        self._spent = spent
        self._open: list[_Open] = []
        self._levels: dict[bytes, list[int]] = {}
        """By boundary: which of the open parts it delimits, the innermost last."""
        self._left: set[bytes] = set()
        """Boundaries of multiparts that were over before their own end was told."""

    def go_on(self, at: int) -> None:
        """Read all that follows."""
        while found := self._delimiter(at):
            line, at, keep, ended = found
            self._close(keep, line)
            if ended:
                self._left.discard(ended)
            elif self._spent.parts >= MAX_PARTS:
                break
            else:
                outer = self._open[-1].part
                is_digest = outer.content_type == "multipart/digest"
                part, at = self.begin(at, "message/rfc822" if is_digest else "text/plain")
                outer.children.append(part)
        self._end = self._last_words_end()
        self._close(0, self._end)

    def begin(self, at: int, default: str = "text/plain") -> tuple[Part, int]:
        """Read the headers of a part, and of a message inside it; give it, and where to go on."""
        found, at = self._headers(at)
        part = Part(found, default, self._raw, at)
        if value := part.get("Content-Type"):
            part.content_type = _type(value)
        self._spent.parts += 1
        opened = _Open(part)
        self._open.append(opened)
        if len(self._open) + self._depth > MAX_DEPTH:
            return part, at
        if part.content_type.startswith("multipart/"):
            self.delimit(opened, _boundary(part.get("Content-Type")))
        elif part.content_type in MESSAGES and part.encoding in transfer.AS_IT_STANDS:
            inside, at = self.begin(at)
            part.children.append(inside)
        return part, at

    def delimit(self, opened: _Open, boundary: bytes) -> None:
        """Look for this boundary from now on, until the part is closed."""
        opened.boundary = boundary
        if boundary:
            self._levels.setdefault(boundary, []).append(self._open.index(opened))

    def _delimiter(self, at: int) -> tuple[int, int, int, bytes] | None:
        """Find the next delimiter: where it begins and ends, and what it tells."""
        raw, end = self._raw, self._end
        while self._levels and self._spent.lines < MAX_LINES:
            self._spent.lines += 1
            before = raw.find(b"\n--", max(at - 1, 0), end)
            if before < 0:
                break
            line = before + 1
            at = raw.find(b"\n", line, end) + 1 or end
            if told := self._told(raw[line : min(at, line + MAX_DELIMITER)]):
                return (line, at, *told)
        return None

    def _last_words_end(self) -> int:
        """Find where a last delimiter begins that stands behind the last words, not on a line of its own.

        Senders who put an email together by hand forget the line break before it.
        """
        last = self._raw[max(0, self._end - MAX_DELIMITER) : self._end].rstrip(_BLANK)
        for opened in reversed(self._open):
            delimiter = b"--" + opened.boundary + b"--"
            if opened.boundary and last.endswith(delimiter):
                return self._raw.rfind(delimiter, 0, self._end)
        return self._end

    def _told(self, line: bytes) -> tuple[int, bytes] | None:
        """Tell what a line delimits: how many parts stay open, and whose end it is; where nobody's, a part begins."""
        text = line.rstrip(_BLANK)[2:]
        if levels := self._levels.get(text):
            return levels[-1] + 1, b""
        ended = text[:-2] if text.endswith(b"--") else b""
        if ended and (levels := self._levels.get(ended)):
            return levels[-1], ended
        # Of a multipart that its outer one ended too early: what follows is its next part all the same.
        if (ended or text) in self._left:
            return max(levels[-1] for levels in self._levels.values()) + 1, ended
        return None

    def _close(self, keep: int, end: int) -> None:
        """End all parts but the outermost `keep`; the line break before a delimiter belongs to it."""
        if end < self._end:
            end -= 1
            end -= self._raw[end - 1 : end] == b"\r"
        while len(self._open) > keep:
            opened = self._open.pop()
            part, boundary = opened.part, opened.boundary
            part.end = max(part.start, end)
            if boundary:
                self._levels[boundary].pop()
                if not self._levels[boundary]:
                    del self._levels[boundary]
                self._left.add(boundary)
            if not part.children:
                self._look_again(part)

    def _look_again(self, part: Part) -> None:
        """Look into a multipart whose boundary did not occur, and into a message that was encoded."""
        depth = self._depth + len(self._open) + 1
        if depth > MAX_DEPTH:
            return
        if part.content_type in MESSAGES:
            if part.encoding not in transfer.AS_IT_STANDS:
                part.children.append(read(part.content, depth=depth))
        elif part.content_type.startswith("multipart/") and self._guesses:
            boundary = self._guessed(part.start, part.end)
            if boundary:
                walk = _Walk(self._raw, part.end, depth, self._guesses - 1, self._spent)
                opened = _Open(part)
                walk._open.append(opened)
                walk.delimit(opened, boundary)
                walk.go_on(part.start)

    def _guessed(self, start: int, end: int) -> bytes:
        """Find what delimits parts: the first line of this form with a header of a part below it."""
        raw = self._raw
        before = raw.find(b"\n--", max(start - 1, 0), end)
        while before >= 0 and self._spent.lines < MAX_LINES:
            self._spent.lines += 1
            following = raw.find(b"\n", before + 1, end) + 1 or end
            line = raw[before + 3 : min(following, before + MAX_DELIMITER)].rstrip(_BLANK)
            if line and raw[following : following + 8].lower() == b"content-":
                return line
            before = raw.find(b"\n--", following - 1, end)
        return b""

    def _headers(self, at: int) -> tuple[list[tuple[str, str]], int]:
        """Read headers; give them, and where what follows them begins."""
        raw, end = self._raw, self._end
        found: list[tuple[bytes, list[bytes]]] = []
        while at < end:
            following = raw.find(b"\n", at, end) + 1 or end
            line = raw[at:following]
            if line[0] in b" \t" and found:
                found[-1][1].append(line)
            elif not line.strip(b"\r\n"):
                at = following
                break
            elif line.startswith(b"--") and self._told(line[:MAX_DELIMITER]):
                break
            else:
                name, colon, value = line.partition(b":")
                name = name.rstrip(b" \t")
                if colon and 0 < len(name) <= MAX_NAME and len(name.split()) == 1:
                    found.append((name, [value]))
                    if len(found) == MAX_HEADERS:
                        rest = _END_OF_HEADERS.search(raw, at, end)
                        at = rest.end() if rest else end
                        break
                elif found and self._goes_on(found[-1][1][-1], line, following):
                    found[-1][1].append(b" " + line)
                elif found or not _WELL_KNOWN.match(raw, following):
                    break
            at = following
        return [
            (_characters(name), _characters(b"".join(value)).strip(" \t\r\n"))
            for name, value in found
        ], at

    def _goes_on(self, last: bytes, line: bytes, following: int) -> bool:
        """Tell whether a line that is no header is the rest of the one above, that lost its indent."""
        if last.rstrip(_BLANK).endswith(b";") and _LOST_PARAMETER.match(line):
            return True
        return _WELL_KNOWN.match(self._raw, following) is not None


def _characters(data: bytes) -> str:
    return data.decode("ascii", "surrogateescape")


def _type(value: str) -> str:
    found = _TYPE.match(value)
    return charset.scrub(f"{found[1]}/{found[2]}").lower() if found else "text/plain"


def _boundary(value: str) -> bytes:
    """Find the boundary that a Content-Type names; empty where there is none."""
    name = dict(reversed(list(headers.pairs(value)))).get("boundary")
    if name is None:
        name = headers.parameters(value).get("boundary", "")
    return name.encode("utf-8", "surrogateescape").rstrip(_BLANK)
