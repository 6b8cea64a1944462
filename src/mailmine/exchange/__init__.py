"""Reads mail out of Exchange, and can do nothing but read.

account = open_account(connection, secret)      # one for an integration
reader = account.reader("orders@example.com")   # one for a mailbox
...
await account.aclose()
"""

from mailmine.exchange.reader import Account
from mailmine.model.integration import Connection

__all__ = ["open_account"]


def open_account(connection: Connection, secret: str) -> Account:
    """Make ready to read the mailboxes that `connection` reaches; `secret` is the account's password.

    Sends nothing and needs no running event loop; it is to be used within one loop only. One account
    for an integration, so that the limits which Exchange sets an account are kept across its mailboxes.
    """
    raise NotImplementedError((connection, bool(secret)))
