"""The stream that tells an open page what changed."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from mailmine.access.permissions import Identity, Permission
from mailmine.model.ids import SourceId
from mailmine.store import sources
from mailmine.web.live import stream
from mailmine.web.site import Site
from mailmine.web.visit import identify


async def show(request: Request) -> Response:
    """Answer `/events`. What may be seen is found out once: a stream lasts a few minutes at most."""
    seen = await run_in_threadpool(_seen, request)
    if seen is None:
        return Response(status_code=401)
    identity, visible = seen
    site: Site = request.app.state.site
    return StreamingResponse(
        stream(
            site.live,
            sees_integrations=identity.may_anywhere(Permission.INTEGRATIONS_READ),
            visible=visible,
        ),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _seen(request: Request) -> tuple[Identity, frozenset[SourceId]] | None:
    site: Site = request.app.state.site
    with site.database.read() as tx:
        identity = identify(request, tx)
        if identity is None:
            return None
        visible = (
            source.id
            for source in sources.list_all(tx)
            if identity.may(Permission.SOURCES_READ, source.project)
        )
        return identity, frozenset(visible)
