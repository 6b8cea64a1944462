"""Mails that read like sentences."""

from base64 import b64encode


def mail(
    subject: str = "Hello",
    *,
    text: str = "Good morning",
    html: str | None = None,
    message_id: str | None = "<one@example.com>",
    headers: str = "",
    attachment: bytes | None = None,
) -> bytes:
    """Write a mail from Ann to Bob."""
    head = (
        "From: Ann Lee <ann@example.com>\r\nTo: Bob <bob@example.com>\r\n"
        f"Subject: {subject}\r\nDate: Mon, 02 Mar 2026 10:00:00 +0000\r\n{headers}MIME-Version: 1.0\r\n"
    )
    if message_id is not None:
        head += f"Message-ID: {message_id}\r\n"
    parts = [f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"]
    if html is not None:
        parts.append(f"Content-Type: text/html; charset=utf-8\r\n\r\n{html}\r\n")
    body = parts[0] if len(parts) == 1 else _multipart("alternative", "a", parts)
    if attachment is not None:
        file = (
            'Content-Type: application/pdf; name="order.pdf"\r\n'
            "Content-Disposition: attachment; filename=order.pdf\r\n"
            f"Content-Transfer-Encoding: base64\r\n\r\n{b64encode(attachment).decode()}\r\n"
        )
        body = _multipart("mixed", "m", [body, file])
    return (head + body).encode("utf-8", "surrogateescape")


def _multipart(kind: str, boundary: str, parts: list[str]) -> str:
    inner = "".join(f"--{boundary}\r\n{part}" for part in parts)
    return f"Content-Type: multipart/{kind}; boundary={boundary}\r\n\r\n{inner}--{boundary}--\r\n"
