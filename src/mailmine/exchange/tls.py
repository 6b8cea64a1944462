"""How a server's certificate is checked and what is spoken with it, for each integration apart."""

import ssl
from collections.abc import Callable
from typing import Final

from mailmine.exchange.faults import Code, ExchangeError, Fault, Scope, Where
from mailmine.model.integration import Connection, TlsVersion

_VERSIONS: Final = {
    TlsVersion.TLS_1_0: ssl.TLSVersion.TLSv1,
    TlsVersion.TLS_1_1: ssl.TLSVersion.TLSv1_1,
    TlsVersion.TLS_1_2: ssl.TLSVersion.TLSv1_2,
    TlsVersion.TLS_1_3: ssl.TLSVersion.TLSv1_3,
}
_OLD: Final = (TlsVersion.TLS_1_0, TlsVersion.TLS_1_1)
_OLD_CIPHERS: Final = "DEFAULT:@SECLEVEL=0"
"""OpenSSL 3 speaks TLS 1.0 and 1.1 on no higher level (SHA-1 in their handshakes)."""

_NEVER: Final = "!aNULL:!eNULL"
"""Where a server shows no certificate there is none to check, and what is not encrypted can be read on the way."""


def make_context(connection: Connection) -> ssl.SSLContext:
    """Trust the public authorities, and the private one that `connection` names besides.

    Raises ExchangeError where a file cannot be read or the ciphers are none. Without `verify_tls` anybody in between
    can read along.
    """
    context = ssl.create_default_context()
    context.minimum_version = _VERSIONS[connection.tls_minimum]
    ciphers = connection.tls_ciphers or (_OLD_CIPHERS if connection.tls_minimum in _OLD else None)
    if ciphers is not None:
        _or_fault(
            lambda: context.set_ciphers(f"{ciphers}:{_NEVER}"),
            Code.CIPHERS_UNKNOWN,
            f"OpenSSL knows no ciphers {ciphers!r}. tls_ciphers is an OpenSSL cipher string, such as "
            "ECDHE+AESGCM:!aNULL.",
        )
    if (file := connection.ca_file) is not None:
        _or_fault(
            lambda: context.load_verify_locations(cafile=file),
            Code.CA_FILE_UNREADABLE,
            f"The CA file {file} cannot be read. It must be a PEM file that this process may read.",
        )
    if (certificate := connection.tls_certificate_file) is not None:
        _or_fault(
            lambda: context.load_cert_chain(certificate, connection.tls_key_file, password=""),
            Code.CLIENT_CERTIFICATE_UNREADABLE,
            f"The certificate {certificate} that we are to show cannot be used. It must be a PEM file with its "
            "chain, and its private key in it or in tls_key_file, without a password.",
        )
    if not connection.verify_tls:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _or_fault(act: Callable[[], object], code: Code, message: str) -> None:
    try:
        act()
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        fault = Fault(where=Where.TLS, code=code, message=message, scope=Scope.CONNECTION)
        raise ExchangeError(fault) from error
