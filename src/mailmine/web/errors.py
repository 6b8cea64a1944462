"""Pages that say what went wrong, and what to do. No traceback reaches a reader."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailmine.web.language import N_, _
from mailmine.web.security import secure
from mailmine.web.site import render

SAYINGS = {
    400: (
        N_("That did not work"),
        N_("The form was incomplete or too old. Go back, load the page again and try once more."),
    ),
    403: (
        N_("Not for your eyes"),
        N_(
            "Your account does not have the permission for this page. Whoever manages mailmine here can give it to you."
        ),
    ),
    404: (
        N_("Nothing here"),
        N_(
            "There is no such page, or it is not shown to your account. It may have been moved or removed."
        ),
    ),
    405: (N_("That did not work"), N_("This address cannot be used in that way.")),
    413: (
        N_("That was too much"),
        N_("More was sent than a form takes, and nothing was saved. Go back, and send less."),
    ),
    500: (
        N_("Something broke"),
        N_(
            "The fault is ours, and it has been written to the log. Try again; if it stays, tell whoever manages mailmine here."
        ),
    ),
    503: (
        N_("The data cannot be reached"),
        N_(
            "The database does not answer just now. No mail is lost: it stays in Exchange until it can be kept. Try again in a moment."
        ),
    ),
}


async def http(request: Request, error: Exception) -> Response:
    """Answer a status that a route asked for."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = getattr(error, "headers", None)
    response = _page(request, status)
    response.headers.update(headers or {})
    return response


async def unavailable(request: Request, error: Exception) -> Response:
    """Answer while the store cannot be used."""
    del error
    response = _page(request, 503)
    response.headers["Retry-After"] = "5"
    return response


async def broken(request: Request, error: Exception) -> Response:
    """Answer when a page has a fault; the server logs it. This is answered outside of all middleware."""
    del error
    response = _page(request, 500)
    secure(response.headers)
    return response


def _page(request: Request, status: int) -> Response:
    title, saying = SAYINGS.get(status, SAYINGS[500 if status >= 500 else 400])  # noqa: PLR2004
    return render(
        request, "error.html", status=status, title=_(title), saying=_(saying), code=status
    )
