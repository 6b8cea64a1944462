"""A key distribution center of MIT Kerberos for the tests, started from the machine's own programs in a passing folder."""

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

REALM: Final = "EXAMPLE.COM"
PROGRAMS: Final = ("krb5kdc", "kdb5_util", "kadmin.local", "kinit")
LIBRARIES: Final = ("gssapi", "krb5")
PATH: Final = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin"))
"""Debian keeps the programs of administrators outside of the path of others."""


def missing() -> str | None:
    """Why there can be no Kerberos here; None where there can."""
    programs = [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]
    if programs:
        return f"Kerberos is not installed (no {', '.join(programs)})"
    libraries = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    if libraries:
        return f"{', '.join(libraries)} of Python are not installed (`make kerberos`)"
    return None


class Center:
    """A running center of one realm, in which a user must prove that he knows his password before he gets a ticket."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self.keytab = folder / "keytab"
        """The keys of the services."""
        self.client_keytab = folder / "client_keytab"
        """The keys of users who sign in without a password."""
        self.variables = {
            "KRB5_CONFIG": str(folder / "krb5.conf"),
            "KRB5_KDC_PROFILE": str(folder / "kdc.conf"),
            "KRB5_KTNAME": str(self.keytab),
        }
        """What processes need in their environment to belong to the realm."""
        (folder / "krb5.conf").write_text(
            f"[libdefaults]\ndefault_realm = {REALM}\ndns_lookup_kdc = false\nrdns = false\n"
            "dns_canonicalize_hostname = false\nudp_preference_limit = 1\n"
            f"[realms]\n{REALM} = {{\nkdc = 127.0.0.1:{port}\n}}\n"
        )
        (folder / "kdc.conf").write_text(
            f"[kdcdefaults]\nkdc_listen = 127.0.0.1:{port}\nkdc_tcp_listen = 127.0.0.1:{port}\n"
            f"[realms]\n{REALM} = {{\ndatabase_name = {folder}/principal\n"
            f"key_stash_file = {folder}/stash\nacl_file = {folder}/acl\n"
            "default_principal_flags = +preauth\n}\n"
            f"[logging]\nkdc = FILE:{folder}/log\n"
        )

    def user(self, name: str, password: str) -> None:
        """Make a user."""
        self._kadmin(f"addprinc -pw {password} {name}")

    def service(self, name: str) -> None:
        """Make a service, such as HTTP/localhost, and put its key into the keytab."""
        self._kadmin(f"addprinc -randkey {name}")
        self._kadmin(f"ktadd -k {self.keytab} {name}")

    def keep_key(self, name: str) -> None:
        """Put the key of a user into the keytab of users; his password stays as it is."""
        self._kadmin(f"ktadd -norandkey -k {self.client_keytab} {name}")

    def sign_in(self, name: str, password: str) -> str:
        """Get a ticket as a person does; the name of the cache that it is in."""
        cache = f"FILE:{self._folder / name}.cache"
        self.run("kinit", "-c", cache, name, given=password)
        return cache

    def wrong_passwords(self) -> int:
        """Count how often somebody could not prove that he knows a password."""
        return (self._folder / "log").read_text().count("PREAUTH_FAILED")

    def run(self, program: str, *arguments: str, given: str = "") -> None:
        """Run a program of Kerberos. Raises CalledProcessError where it fails."""
        environment = {**os.environ, **self.variables}
        subprocess.run(
            (_path(program), *arguments), env=environment, input=given, text=True, check=True
        )

    def _kadmin(self, query: str) -> None:
        self.run("kadmin.local", "-q", query)


@contextmanager
def run() -> Iterator[Center]:
    """Run a center until the end."""
    folder = Path(tempfile.mkdtemp(prefix="mailmine-"))
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    try:
        center = Center(folder, port)
        center.run("kdb5_util", "create", "-s", "-r", REALM, "-P", "master")
        environment = {**os.environ, **center.variables}
        kdc = subprocess.Popen([_path("krb5kdc"), "-n"], env=environment)
        try:
            _wait_for(port)
            yield center
        finally:
            kdc.terminate()
            kdc.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _path(program: str) -> str:
    return shutil.which(program, path=PATH) or program


def _wait_for(port: int) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
