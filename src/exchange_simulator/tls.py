"""A certificate to listen with, made on the spot: self-signed, as on most Exchange servers in the field."""

import datetime as dt
import ipaddress
import ssl
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LIFETIME = dt.timedelta(days=365)


def certificate(host: str) -> tuple[bytes, bytes]:
    """Make a self-signed certificate for `host` and localhost, and its key, both as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Simulated Exchange")])
    names: list[x509.GeneralName] = [x509.DNSName("localhost")]
    try:
        names.append(x509.IPAddress(ipaddress.ip_address(host)))
    except ValueError:
        names.append(x509.DNSName(host))
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return (
        made.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


class ShowingContext(ssl.SSLContext):
    """A context of a server that knows what certificate it shows."""

    shown: bytes = b""
    """DER."""

    def show(self, certificate: Path, key: Path) -> None:
        """Show the first certificate of a PEM file."""
        self.load_cert_chain(certificate, key)
        first, end, _ = certificate.read_text(encoding="ascii").partition(
            "-----END CERTIFICATE-----"
        )
        self.shown = ssl.PEM_cert_to_DER_cert(first[first.index("-----BEGIN") :] + end)


def server_context(
    host: str, *, tls: bool | tuple[Path, Path], client_ca: Path | None = None
) -> ShowingContext | None:
    """Make what a server listens with: nothing, a certificate of its own, or the files given.

    With `client_ca` clients must show a certificate that it has signed.
    """
    if tls is False:
        return None
    context = ShowingContext(ssl.PROTOCOL_TLS_SERVER)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    if isinstance(tls, tuple):
        context.show(*tls)
        return context
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder, "certificate.pem"), Path(folder, "key.pem")
        for file, content in zip(files, certificate(host), strict=True):
            file.write_bytes(content)
        context.show(*files)
    return context
