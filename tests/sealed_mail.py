"""Signed, encrypted and protected mail, made as mail programs make it."""

from base64 import encodebytes
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import (
    PKCS7EnvelopeBuilder,
    PKCS7Options,
    PKCS7SignatureBuilder,
)
from cryptography.x509.oid import NameOID

INSIDE = (
    "Content-Type: multipart/mixed; boundary=in\r\n\r\n"
    "--in\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nPlease sénd five chairs.\r\n"
    "--in\r\nContent-Type: application/pdf; name=order.pdf\r\n"
    "Content-Disposition: attachment; filename=order.pdf\r\n\r\n%PDF-1.4 one\r\n"
    "--in\r\nContent-Type: text/csv; name=prices.csv\r\n"
    "Content-Disposition: attachment; filename=prices.csv\r\n\r\nchair;42\r\n--in--\r\n"
).encode()
"""A mail with two attachments, without the headers that stay outside."""


@cache
def _identity() -> tuple[x509.Certificate, RSAPrivateKey]:
    key = generate_private_key(public_exponent=65_537, key_size=2_048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ann@example.com")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return certificate, key


def signature(content: bytes = INSIDE, *options: PKCS7Options) -> bytes:
    """Sign `content`; it stands within the signature unless it is to be detached."""
    certificate, key = _identity()
    builder = PKCS7SignatureBuilder().set_data(content)
    signed = builder.add_signer(certificate, key, hashes.SHA256())
    return signed.sign(Encoding.DER, [PKCS7Options.Binary, *options])


def envelope(content: bytes = INSIDE) -> bytes:
    """Encrypt `content`."""
    certificate, _ = _identity()
    builder = PKCS7EnvelopeBuilder().set_data(content).add_recipient(certificate)
    return builder.encrypt(Encoding.DER, [PKCS7Options.Binary])


def clear_signed(content: bytes = INSIDE, name: str = "clear") -> bytes:
    """Write a mail whose signature stands beside it."""
    detached = encodebytes(signature(content, PKCS7Options.DetachedSignature))
    return (
        _headers(name)
        + b'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary=s\r\n\r\n'
        b"--s\r\n"
        + content
        + b"\r\n--s\r\nContent-Type: application/pkcs7-signature; name=smime.p7s\r\n"
        b"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=smime.p7s\r\n\r\n"
        + detached
        + b"--s--\r\n"
    )


def opaque_signed(content: bytes = INSIDE, name: str = "opaque") -> bytes:
    """Write a mail that stands within its signature."""
    return _headers(name) + pkcs7_mime(signature(content), "signed-data")


def encrypted(name: str = "encrypted") -> bytes:
    """Write a mail that nobody else can read."""
    return _headers(name) + pkcs7_mime(envelope(), "enveloped-data")


def pkcs7_mime(data: bytes, kind: str) -> bytes:
    """Write what is wrapped as a part."""
    return (
        f"Content-Type: application/pkcs7-mime; smime-type={kind}; name=smime.p7m\r\n".encode()
        + b"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=smime.p7m\r\n\r\n"
        + encodebytes(data)
    )


def rights_managed(name: str = "protected") -> bytes:
    """Write the wrapping of a mail that is protected by IRM."""
    return (
        _headers(name)
        + b"Content-Class: rpmsg.message\r\nContent-Type: multipart/mixed; boundary=p\r\n\r\n"
        b"--p\r\nContent-Type: text/plain\r\n\r\nTo read this, open it in Outlook.\r\n"
        b"--p\r\nContent-Type: application/x-microsoft-rpmsg-message; name=message.rpmsg\r\n"
        b"Content-Disposition: attachment; filename=message.rpmsg\r\n\r\nsealed\r\n--p--\r\n"
    )


def _headers(name: str) -> bytes:
    return (
        f"From: Ann <ann@example.com>\r\nTo: orders@example.com\r\nSubject: About {name}\r\n"
        f"Date: Mon, 02 Mar 2026 10:00:00 +0000\r\nMessage-ID: <{name}@example.com>\r\nMIME-Version: 1.0\r\n"
    ).encode()
