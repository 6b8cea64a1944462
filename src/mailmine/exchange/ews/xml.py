"""From the bytes of an answer to its XML tree.

Exchange writes what senders put into subjects and bodies, also characters that XML forbids (`&#x0;`, `&#x1A;`). A strict
parser refuses the whole answer, a recovering one keeps the characters and loses text; so an answer that is
refused is cleaned and parsed strictly once more (exchange.md, part A; part C, row 10). A good answer costs nothing.

Exchange writes UTF-8, and servers made with .NET call it `utf-16` now and then: so what an answer says of its
encoding is believed only where it is not UTF-8.
"""

import codecs
import re
import sys
from typing import Final

from lxml import etree
from lxml.etree import _Element as Element

__all__ = ["Element", "M", "MalformedError", "S", "T", "clean", "flag", "parse"]

M: Final = "{http://schemas.microsoft.com/exchange/services/2006/messages}"
T: Final = "{http://schemas.microsoft.com/exchange/services/2006/types}"
S: Final = "{http://schemas.xmlsoap.org/soap/envelope/}"

REPLACEMENT: Final = "\ufffd"
_REFERENCE: Final = re.compile(r"&#(?:x0*([0-9A-Fa-f]{1,8})|0*([0-9]{1,10})|x?[0-9A-Fa-f]{9,});")
_PAIR: Final = re.compile(
    r"&#(?:x([Dd][89ABab][0-9A-Fa-f]{2})|(5[5-6][0-9]{3}));"
    r"&#(?:x([Dd][C-Fc-f][0-9A-Fa-f]{2})|(5[6-7][0-9]{3}));"
)
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}
_ENCODING: Final = re.compile(
    rb"""\A<\?xml\s[^>]*?encoding\s*=\s*["'](iso-8859-\d{1,2}|windows-\d{3,4})["']""", re.IGNORECASE
)
_XML_1_1: Final = re.compile(r"""\A(\ufeff?\s*<\?xml\s+version\s*=\s*["'])1\.1""")


class MalformedError(ValueError):
    """Not XML, even after cleaning."""


def parse(answer: bytes) -> Element:
    """Parse `answer`, cleaned where that is needed. Raises MalformedError."""
    # Some begin with an empty line, though nothing may stand before a declaration.
    answer = answer.lstrip()
    try:
        return _parsed(answer)
    except (etree.XMLSyntaxError, ValueError):
        pass
    try:
        return _parsed(clean(_as_utf_8(answer)))
    except (etree.XMLSyntaxError, ValueError) as error:
        raise MalformedError(str(error)) from error


def _parsed(answer: bytes) -> Element:
    if b"<!DOCTYPE" in answer and _has_doctype(answer):
        raise MalformedError("a document type is declared")
    return etree.fromstring(answer, _strict())


def _as_utf_8(answer: bytes) -> bytes:
    """Write anew as UTF-8 what has the mark of UTF-16, or is no UTF-8 and names another encoding."""
    if answer.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return answer.decode("utf-16", "replace").encode("utf-8", "replace")
    declared = _ENCODING.match(answer)
    if declared is None:
        return answer
    try:
        answer.decode("utf-8")
    except UnicodeDecodeError:
        try:
            return answer.decode(declared[1].decode("ascii"), "replace").encode("utf-8")
        except LookupError:
            return answer
    return answer


def _strict() -> etree.XMLParser:
    """Make a parser that reads UTF-8, long texts (a body of 10 MB is one text), and nothing from outside."""
    return etree.XMLParser(
        encoding="utf-8",
        huge_tree=True,
        resolve_entities=False,
        no_network=True,
        remove_comments=True,
        remove_pis=True,
    )


def clean(answer: bytes) -> bytes:
    """Put U+FFFD where XML 1.0 allows no such character; leave everything else as it is."""
    text = answer.decode("utf-8", "replace")
    text = _XML_1_1.sub(r"\g<1>1.0", text, count=1)
    text = _PAIR.sub(_join_pair, text)
    text = _REFERENCE.sub(_keep_allowed, text)
    return _FORBIDDEN.sub(REPLACEMENT, text).encode("utf-8")


def _keep_allowed(reference: re.Match[str]) -> str:
    number = int(reference[1], 16) if reference[1] else int(reference[2] or -1)
    is_allowed = 0 <= number <= sys.maxunicode and not _FORBIDDEN.match(chr(number))
    return reference[0] if is_allowed else REPLACEMENT


def _join_pair(pair: re.Match[str]) -> str:
    """Make one character of two references that are halves of UTF-16."""
    high = int(pair[1], 16) if pair[1] else int(pair[2])
    low = int(pair[3], 16) if pair[3] else int(pair[4])
    if not (0xD800 <= high <= 0xDBFF and 0xDC00 <= low <= 0xDFFF):  # noqa: PLR2004
        return pair[0]
    return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))


def flag(text: str | None) -> bool | None:
    """Read an xs:boolean, which may be a digit and have white space around it; None for what is none."""
    return _FLAGS.get((text or "").strip())


def _has_doctype(answer: bytes) -> bool:
    """Tell whether a document type stands before the root (it may also be text of a mail further down)."""
    at = 3 if answer.startswith(b"\xef\xbb\xbf") else 0
    while True:
        while answer[at : at + 1].isspace():
            at += 1
        for start, end in ((b"<?", b"?>"), (b"<!--", b"-->")):
            if answer.startswith(start, at):
                at = answer.find(end, at)
                if at < 0:
                    return True
                at += len(end)
                break
        else:
            return answer.startswith(b"<!DOCTYPE", at)
