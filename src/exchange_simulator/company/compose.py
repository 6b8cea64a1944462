"""MIME, put together by hand: the same bytes for the same mail, in the charset that was asked for."""

import base64
import binascii
from dataclasses import dataclass
from email.header import Header
from email.utils import encode_rfc2231

Headers = tuple[tuple[str, str], ...]
"""Names and values; values are ASCII already and may be folded."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a message, encoded for transport."""

    headers: Headers
    body: bytes

    def __bytes__(self) -> bytes:
        head = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        return head.encode("ascii") + b"\r\n" + self.body


def encoded(name: str, value: str, charset: str) -> str:
    """Write a header's value as encoded words (RFC 2047) where it is not ASCII, folded."""
    words = Header(
        value, None if value.isascii() else _able(charset, value), header_name=name
    ).encode(linesep="\r\n")
    # The standard library names the codec, but GB2312 is what programs write.
    return words.replace("=?eucgb2312_cn?", "=?gb2312?")


def mailbox(name: str, address: str, charset: str) -> str:
    """Write an address with its display name (RFC 5322, 3.4)."""
    if name.isascii() and any(sign in name for sign in ',.()"'):
        return f'"{name}" <{address}>'
    return f"{encoded('From', name, charset)} <{address}>"


def text_part(text: str, subtype: str, charset: str, *, parameters: str = "") -> Part:
    """Make a text part in this charset, or in UTF-8 where the charset cannot express the text."""
    charset = _able(charset, text)
    content = text.replace("\n", "\r\n").encode(charset)
    if charset == "iso-2022-jp":
        encoding, body = "7bit", content
    elif charset in {"gb2312", "windows-1256"} or (charset == "utf-8" and not text.isascii()):
        encoding, body = "base64", _base64(content)
    else:
        encoding, body = "quoted-printable", binascii.b2a_qp(content, istext=True)
    content_type = f'text/{subtype}; charset="{charset}"{parameters}'
    return Part((("Content-Type", content_type), ("Content-Transfer-Encoding", encoding)), body)


def attachment(name: str, content_type: str, content: bytes, *, cid: str | None = None) -> Part:
    """Make a part of a file; with a Content-ID it lies inside the HTML."""
    file_name = f'="{name}"' if name.isascii() else "*=" + encode_rfc2231(name, "utf-8")
    headers: Headers = (
        ("Content-Type", f'{content_type};\r\n name="{encoded("Content-Type", name, "utf-8")}"'),
        ("Content-Disposition", f"{'inline' if cid else 'attachment'};\r\n filename{file_name}"),
    )
    if cid:
        headers += (("Content-ID", f"<{cid}>"),)
    if content_type == "message/rfc822":
        return Part(headers, content)
    return Part((*headers, ("Content-Transfer-Encoding", "base64")), _base64(content))


def multipart(subtype: str, boundary: str, *parts: Part, parameters: str = "") -> Part:
    """Parts within a part (RFC 2046, 5.1)."""
    body = b"".join(b"--%s\r\n%s\r\n" % (boundary.encode(), bytes(part)) for part in parts)
    content_type = f'multipart/{subtype}; boundary="{boundary}"{parameters}'
    return Part((("Content-Type", content_type),), body + b"--%s--\r\n" % boundary.encode())


def message(headers: Headers, content: Part) -> bytes:
    """Put a whole message together."""
    return bytes(Part((*headers, ("MIME-Version", "1.0"), *content.headers), content.body))


def _able(charset: str, text: str) -> str:
    try:
        text.encode(charset)
    except UnicodeEncodeError:
        return "utf-8"
    return charset


def _base64(content: bytes) -> bytes:
    return base64.encodebytes(content).replace(b"\n", b"\r\n")
