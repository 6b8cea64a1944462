"""The files people attach: small, and real enough to open."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterable
from functools import cache


def pdf(lines: Iterable[str]) -> bytes:
    """Print a page of A4 with these lines on it."""
    shown = b"".join(b"(%s) Tj T*\n" % _pdf_text(line) for line in lines)
    content = b"BT /F1 11 Tf 15 TL 72 770 Td\n%sET" % shown
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
            b"/Resources << /Font << /F1 5 0 R >> >> >>"
        ),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    )
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\n" % (len(objects) + 1)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def _pdf_text(line: str) -> bytes:
    text = line.encode("cp1252", "replace")
    return text.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def csv(rows: Iterable[Iterable[str]]) -> bytes:
    """Rows as Excel exports them in most of Europe: semicolons, a byte order mark."""
    return ("\ufeff" + "".join(";".join(row) + "\r\n" for row in rows)).encode()


@cache
def png(width: int, height: int, red: int, green: int, blue: int) -> bytes:
    """Draw a vertical fade from this colour to white."""
    rows = bytearray()
    for y in range(height):
        fade = y / height
        pixel = bytes(int(value + (255 - value) * fade) for value in (red, green, blue))
        rows += b"\0" + pixel * width
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def docx(paragraphs: Iterable[str]) -> bytes:
    """Write a Word document of these paragraphs (ECMA-376, the least that Word opens)."""
    body = "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in map(_xml, paragraphs))
    office = "http://schemas.openxmlformats.org"
    kind = "application/vnd.openxmlformats"
    files = {
        "[Content_Types].xml": f'<Types xmlns="{office}/package/2006/content-types">'
        f'<Default Extension="rels" ContentType="{kind}-package.relationships+xml"/>'
        '<Override PartName="/word/document.xml" ContentType='
        f'"{kind}-officedocument.wordprocessingml.document.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{office}/package/2006/relationships">'
        f'<Relationship Id="rId1" Type="{office}/officeDocument/2006/relationships/officeDocument"'
        ' Target="word/document.xml"/></Relationships>',
        "word/document.xml": f'<w:document xmlns:w="{office}/wordprocessingml/2006/main">'
        f"<w:body>{body}</w:body></w:document>",
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            declaration = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
            # A ZipInfo bears 1980 as its date; a plain name would bear the time of day.
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, declaration + content)
    return out.getvalue()


def _xml(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
