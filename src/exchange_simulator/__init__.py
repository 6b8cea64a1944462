"""An Exchange to try and to test against: it speaks EWS as Exchange does, and knows nothing of mailmine.

    exchange = Exchange(version="Exchange2016")
    exchange.account("svc@example.com", password="secret")
    exchange.grant("svc@example.com", mailbox="orders@example.com")
    orders = exchange.mailbox("orders@example.com")
    message = orders.deliver(b"Subject: Hello...", folder="Inbox/Orders")
    with exchange.serve() as address:                     # http://127.0.0.1:41297
        ...                                               # EWS at address + "/EWS/Exchange.asmx"
        message.move("Inbox/Done")                        # or orders.move(message, "Inbox/Done")
        message.copy("Archive"); message.edit(subject="Bye"); message.mark_read(); message.delete()
        orders.make_folder("Inbox/New"); orders.rename_folder("Inbox/New", "Old"); orders.delete_folder("Inbox/Old")
        exchange.throttle(times=2, back_off=0.2)          # ErrorServerBusy with BackOffMilliseconds
        exchange.fail("GetItem", "ErrorItemCorrupt", message=message)
        exchange.fail("SyncFolderItems", status=503, headers={"Retry-After": "1"})
        exchange.autodiscover.location = "https://…"      # where it sends people; see exchange_simulator.autodiscover
        exchange.requests.count("SyncFolderItems")        # what was asked, until exchange.requests.clear()
        orders.make_folder("Tasks/Old", kind="tasks"); orders.make_folder("Secret", is_hidden=True)
        orders.make_folder("searchfolders/Unread", kind="search", finds="unread")
        exchange.public_folders.deliver(b"...", "Team/Orders"); orders.enable_archive().deliver(b"...", "Old")
        exchange.mailbox("team@example.com").kind = "group"           # as public folders: not to be synchronised
        exchange.subscriptions.end_streams("ErrorReadEventsFailed")   # streaming notifications; "" cuts the connections
        exchange.subscriptions.clear()                    # ErrorSubscriptionNotFound

Who may do what: an account owns the mailbox of the same address. `grant` lets it read others, wholly or
one folder; `allow_impersonation` lets it act as their owners. All of it may be called while the server runs.

How they sign in: `exchange.offers = ("Negotiate", "NTLM", "Basic")`; `exchange.application("id")` registers an
application whose tokens EWS takes for those it impersonates; `exchange.locks_after` wrong passwords lock an account.

`serve(tls=True)` makes its own certificate; with `client_ca=PATH` clients must show one that this CA has signed.
`exchange_simulator.server.run` serves until interrupted.
`exchange_simulator.mail.load` fills a mailbox from `.eml` files, folders of them, and `.mbox` files.
`exchange_simulator.control` says how another process steers all this by `POST /control/<verb>`.

To look inside: `exchange.requests` (what was asked), `exchange.most_at_once`, and `exchange.on_exchange`, a list of
functions that get every request's and answer's bytes. To measure: `exchange.prepare()` takes all mail apart
beforehand, `exchange.latency` makes answers take longer, `exchange.compresses = False` sends them as they are.
"""

from exchange_simulator.exchange import Account, Exchange, Request
from exchange_simulator.mailbox import FolderError, Mailbox, Message
from exchange_simulator.versions import Version

__all__ = ["Account", "Exchange", "FolderError", "Mailbox", "Message", "Request", "Version"]
