"""The address of a proxy, in parts: its URL and its user are configuration, its password is a secret."""

from dataclasses import dataclass, field, replace
from urllib.parse import quote, unquote, urlsplit

from mailmine.model.integration import Connection


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, and who we are to it."""

    url: str
    """Without user and password."""
    username: str = ""
    password: str | None = field(default=None, repr=False)


def split(written: str) -> Proxy:
    """Take an address apart that may name a user and a password; one that is no URL stays as it is."""
    try:
        parts = urlsplit(written)
    except ValueError:
        return Proxy(written)
    userinfo, at, host = parts.netloc.rpartition("@")
    if not at:
        return Proxy(written)
    username, colon, password = userinfo.partition(":")
    return Proxy(
        parts._replace(netloc=host).geturl(),
        unquote(username),
        unquote(password) if colon else None,
    )


def join(proxy: Proxy) -> str:
    """Put an address together again."""
    if not proxy.username:
        return proxy.url
    parts = urlsplit(proxy.url)
    userinfo = quote(proxy.username, safe="")
    if proxy.password is not None:
        userinfo += f":{quote(proxy.password, safe='')}"
    return parts._replace(netloc=f"{userinfo}@{parts.netloc}").geturl()


def shown(connection: Connection) -> str | None:
    """Give the address as people write it, with the user and without the password; None without a proxy."""
    if not connection.proxy:
        return None
    known = split(connection.proxy)
    return join(Proxy(known.url, connection.proxy_username or known.username))


def with_password(connection: Connection, password: str | None) -> Connection:
    """Make `connection` ready for use: its proxy is told who we are."""
    if not connection.proxy or not connection.proxy_username or password is None:
        return connection
    address = join(Proxy(connection.proxy, connection.proxy_username, password))
    return replace(connection, proxy=address)
