"""People sign in and out."""

from functools import partial

from anyio import to_thread
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mailmine.access import csrf, sessions, signing
from mailmine.web.language import _
from mailmine.web.site import Site, path, render

LONGEST = 1_000
"""Characters of a field; what is longer is no username and no password."""


async def show(request: Request) -> Response:
    """Answer GET `/sign-in`."""
    return form(request, next_=request.query_params.get("next", ""))


async def submit(request: Request) -> Response:
    """Answer POST `/sign-in`: to the page that was wanted, or the form again with what is wrong."""
    if csrf.is_cross_site(request.headers):
        raise HTTPException(403)
    async with request.form(max_files=0, max_fields=10) as given:
        username, password, next_ = (
            text_of(given, field) for field in ("username", "password", "next")
        )
    site: Site = request.app.state.site
    try:
        token = await to_thread.run_sync(
            partial(
                signing.sign_in,
                site.database,
                site.guesses,
                username=username,
                password=password,
                address=request.client.host if request.client else "",
                now=site.now(),
            ),
            limiter=site.signing_in,
        )
    except signing.SignInError as refusal:
        return form(request, next_=next_, username=username, fault=str(refusal), status=401)
    response = RedirectResponse(local(next_) or path(request, "home"), status_code=303)
    response.set_cookie(
        **sessions.cookie(token, secure=request.url.scheme == "https", path=cookie_path(request))
    )
    return response


async def leave(request: Request) -> Response:
    """Answer POST `/sign-out`."""
    token = request.cookies.get(sessions.COOKIE, "")
    async with request.form(max_files=0, max_fields=10) as given:
        proof = text_of(given, csrf.FIELD)
    if token:
        if not csrf.is_valid(token, proof):
            raise HTTPException(400)
        site: Site = request.app.state.site
        await run_in_threadpool(signing.sign_out, site.database, token)
    response = RedirectResponse(path(request, "sign_in"), status_code=303)
    response.delete_cookie(sessions.COOKIE, path=cookie_path(request))
    return response


def form(
    request: Request, *, next_: str, username: str = "", fault: str = "", status: int = 200
) -> Response:
    """Show the form, with what went wrong if anything did."""
    site: Site = request.app.state.site
    return render(
        request,
        "sign_in.html",
        status=status,
        title=_("Sign in"),
        provider=site.provider.registration.name if site.provider else "",
        next=local(next_),
        username=username,
        fault=fault,
    )


def text_of(given: FormData, field: str, longest: int = LONGEST) -> str:
    """Read a field of a form; empty where there is none, or a file, or too much."""
    value = given.get(field, "")
    if not isinstance(value, str):
        return ""
    # Browsers send line breaks as CR LF (WHATWG HTML, 4.10.21.4).
    text = value.replace("\r\n", "\n")
    return text if len(text) <= longest else ""


def local(address: str) -> str:
    r"""Give `address` if it is a path on this server, else nothing.

    Browsers drop tabs and line breaks and take `\` for `/` (WHATWG URL, 4.4), so that `/\t/elsewhere`
    is another server to them.
    """
    is_path = address.startswith("/") and not address.startswith("//") and "\\" not in address
    return address if is_path and address.isprintable() else ""


def cookie_path(request: Request) -> str:
    """Say where the cookie holds: for the API beside the pages too, which hands out attachments."""
    return str(request.scope.get("app_root_path", request.scope.get("root_path", ""))) or "/"
