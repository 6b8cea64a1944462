"""Reads mail out of Exchange, and can do nothing but read.

account = open_account(connection, secret)      # one for an integration
reader = account.reader("orders@example.com")   # one for a mailbox
...
await account.aclose()
"""

from dataclasses import replace
from functools import cache, partial

from mailmine.exchange.aadsts import WORDS as _AADSTS_WORDS
from mailmine.exchange.autodiscover import DiscoveringAccount, Search
from mailmine.exchange.credentials import make_credentials
from mailmine.exchange.ews.account import EwsAccount
from mailmine.exchange.ews.codes import WORDS as _EWS_WORDS
from mailmine.exchange.faults import Code
from mailmine.exchange.graph.account import GraphAccount
from mailmine.exchange.graph.codes import WORDS as _GRAPH_WORDS
from mailmine.exchange.http import Counted, HttpPool, Transport
from mailmine.exchange.pace import Clock, Limits, SystemClock
from mailmine.exchange.reader import Account
from mailmine.exchange.session import Logins, Session
from mailmine.exchange.tls import make_context
from mailmine.model.integration import Backend, Connection

__all__ = ["KNOWN_CODES", "Limits", "open_account"]

KNOWN_CODES: frozenset[str] = (
    frozenset(_GRAPH_WORDS) | frozenset(Code) | frozenset(_EWS_WORDS) | frozenset(_AADSTS_WORDS)
)
"""The codes of faults that we know by name; besides these come `http_` with a status, and codes unknown to us."""


def open_account(
    connection: Connection,
    secret: str,
    *,
    limits: Limits | None = None,
    transport: Transport | None = None,
    clock: Clock | None = None,
) -> Account:
    """Make ready to read the mailboxes that `connection` reaches; `secret` is the account's password.

    Sends nothing and needs no running event loop; it is to be used within one loop only. One account
    for an integration, so that the limits which Exchange sets an account are kept across its mailboxes.
    `transport` and `clock` are for tests.
    """
    limits, clock = limits or Limits(), clock or SystemClock()
    logins = Logins(clock)

    def session_at(connection: Connection) -> Session:
        tls = cache(partial(make_context, connection))

        def pool_of(connections: int) -> Transport:
            own = transport or HttpPool(connection, connections=connections, tls=tls)
            return Counted(own, connection.backend)

        pool = pool_of(limits.in_flight)
        return Session(
            connection,
            make_credentials(connection, secret, transport=pool, clock=clock),
            transport=pool,
            transport_of_line=None if transport else partial(pool_of, 1),
            limits=limits,
            clock=clock,
            logins=logins,
        )

    match connection.backend:
        case Backend.EWS if not connection.endpoint:
            search = Search(connection, session_at)
            return DiscoveringAccount(
                search.find,
                lambda endpoint: EwsAccount(session_at(replace(connection, endpoint=endpoint))),
            )
        case Backend.EWS:
            return EwsAccount(session_at(connection))
        case Backend.GRAPH:
            return GraphAccount(session_at(connection))
