"""The cluster: which processes read, whether they keep up, and how fresh all mailboxes are."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailmine.store import overview, workers
from mailmine.sync import freshness
from mailmine.web.language import N_, _, each
from mailmine.web.visit import Visit, page

SHARES: Final = {
    "p50": N_("Half of them, at most"),
    "p95": N_("95 of 100"),
    "p99": N_("99 of 100"),
    "max": N_("All"),
}


@page
def show(visit: Visit) -> Response:
    """Answer `/cluster`."""
    if not visit.identity.administers_projects:
        raise HTTPException(403)
    found = workers.list_all(visit.tx, now=visit.at)
    return visit.render(
        "cluster.html",
        here="integrations",
        title=_("Who reads"),
        workers=[
            (worker, reads, visit.at - worker.seen_at > workers.SILENT) for worker, reads in found
        ],
        schedule=freshness.schedule(overview.take(visit.tx).mailboxes, visit.at),
        shares=each(SHARES),
    )
