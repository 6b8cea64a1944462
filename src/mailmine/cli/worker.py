"""`mailmine worker`: one of any number of processes that share the work of one database, without API and pages."""

from rich.console import Console

from mailmine.api import watched
from mailmine.cli import listening, logs, notifications
from mailmine.cli.installation import Installation, opened
from mailmine.cli.listening import Listener
from mailmine.cli.options import BlobPlace, Data, DatabaseUrl, Host, Port, settings
from mailmine.cli.syncing import Syncing
from mailmine.sync.refinery import Apart


def worker(
    data: Data = None,
    database: DatabaseUrl = None,
    blobs: BlobPlace = None,
    host: Host = None,
    port: Port = None,
) -> None:
    """Read mailboxes, fill sources, watch and notify, until interrupted (Ctrl-C, SIGTERM).

    Any number of workers, on any hosts, share one PostgreSQL; they need the same key and the same place for attachments. On
    the port are /healthz, /readyz and /metrics alone.
    """
    console = Console()
    given = settings(data=data, database=database, blobs=blobs, host=host, port=port)
    logs.configure(given.log_level)
    with opened(given) as here:
        Worker(here).run(console)


class Worker:
    """Works for one installation until it is told to stop."""

    def __init__(self, here: Installation) -> None:
        """Make ready. Raises Failed where the passwords in the database cannot be opened here."""
        self._here = here
        self._channels = notifications.load(here.settings)
        here.check_key()

    def run(self, console: Console) -> None:
        """Work, and answer on the port. Raises Failed where the port cannot be had, StoreError."""
        listening.run(
            self._here.settings,
            self._work,
            lambda url: console.print(f"mailmine works; its health is at [bold]{url}/readyz[/]"),
        )

    async def _work(self, listener: Listener) -> None:
        here = self._here
        if here.blobs.folder is None:
            await here.blobs.check()
        refinery = Apart()
        app = watched.create(
            here.database,
            here.blobs,
            here.keyring,
            metrics_token=here.settings.metrics_token.get_secret_value(),
        )
        await listener.serve(app, Syncing(here, self._channels, refinery).run)
        await refinery.aclose()
