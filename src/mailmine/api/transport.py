"""The rules that all routes share, below HTTP's semantics and above the server (Communications Mining, section 0)."""

from http import HTTPStatus
from time import perf_counter

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailmine import metrics, tracing
from mailmine.api import errors

WATCHED = ("/healthz", "/health", "/readyz", "/metrics")
"""Asked every few seconds by whoever watches the process: no traces."""


IS_HEAD = "mailmine.is_head"
"""In a scope: whether only the head of what GET gives was asked for."""


class Transport:
    """Tolerates one trailing slash, tells how long an answer took, counts and times it, and answers where the fault is ours.

    Servers hand on the path decoded: `states%2F` ends in a slash, too. HEAD is answered as GET is, and the server leaves out
    the body.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = perf_counter()
        is_started = False

        async def timed(message: Message) -> None:
            nonlocal is_started
            if message["type"] == "http.response.start":
                is_started = True
                span.set({"http.response.status_code": message["status"]})
                if message["status"] >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    span.fail(str(message["status"]))
                took = perf_counter() - begun
                MutableHeaders(scope=message)["Server-Timing"] = f"total;dur={took * 1000:.1f}"
                metrics.API_REQUESTS.labels(message["status"]).inc()
                metrics.API_SECONDS.observe(took)
            await send(message)

        path = scope["path"]
        if path.endswith("/") and len(path) > 1:
            scope = {**scope, "path": path[:-1]}
        method = scope["method"]
        if method == "HEAD":
            scope = {**scope, "method": "GET", IS_HEAD: True}
        with (
            tracing.NOTHING
            if path.endswith(WATCHED)
            else tracing.answer(method, {"http.request.method": method}, scope["headers"])
        ) as span:
            try:
                await self._app(scope, receive, timed)
            except Exception as error:
                if is_started:
                    raise
                response = errors.bug(f"{method} {path}", error)
                await response(scope, receive, timed)
            finally:
                if (route := scope.get("route")) is not None:
                    span.rename(f"{method} {route.path_format}")
                    span.set({"http.route": route.path_format})
