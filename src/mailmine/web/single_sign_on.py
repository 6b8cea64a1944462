"""People sign in by a provider: they are sent there, and come back."""

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mailmine.access import sessions
from mailmine.access.oidc import ProviderDown, Refused
from mailmine.access.single_sign_on import COOKIE, LIFETIME, SingleSignOn
from mailmine.web import sign_in
from mailmine.web.site import Site, path

log = structlog.get_logger(__name__)


async def begin(request: Request) -> Response:
    """Answer `/sign-in/oidc?next=…`."""
    provider = _provider(request)
    next_ = sign_in.local(request.query_params.get("next", ""))
    if len(next_) > sign_in.LONGEST:
        next_ = ""  # browsers keep no longer cookie
    try:
        begun = await provider.begin(redirect_uri=_redirect_uri(request), next_=next_)
    except Refused as refusal:
        return _refuse(request, refusal, next_)
    response = RedirectResponse(begun.address, status_code=303)
    response.set_cookie(
        COOKIE,
        begun.cookie,
        max_age=int(LIFETIME.total_seconds()),
        path=path(request, "oidc"),
        secure=request.url.scheme == "https",
        httponly=True,
        # Sent as well when the provider leads back, which "strict" would prevent.
        samesite="lax",
    )
    return response


async def finish(request: Request) -> Response:
    """Answer `/sign-in/oidc/callback`: to the page that was wanted, or the form again with what is wrong."""
    provider = _provider(request)
    answer = request.query_params
    try:
        attempt = provider.recall(request.cookies.get(COOKIE, ""), answer.get("state", ""))
    except Refused as refusal:
        return _refuse(request, refusal, "")
    site: Site = request.app.state.site
    response: Response
    try:
        person = await provider.person(attempt, answer, redirect_uri=_redirect_uri(request))
        token = await run_in_threadpool(provider.admit, site.database, person, now=site.now())
    except Refused as refusal:
        response = _refuse(request, refusal, attempt.next)
    else:
        wanted = sign_in.local(attempt.next) or path(request, "home")
        response = RedirectResponse(wanted, status_code=303)
        response.set_cookie(
            **sessions.cookie(
                token,
                secure=request.url.scheme == "https",
                path=sign_in.cookie_path(request),
            )
        )
    response.delete_cookie(COOKIE, path=path(request, "oidc"))
    return response


def _provider(request: Request) -> SingleSignOn:
    site: Site = request.app.state.site
    if site.provider is None:
        raise HTTPException(404)
    return site.provider


def _redirect_uri(request: Request) -> str:
    """Say where the provider is to lead back to: as it is registered there."""
    return f"{request.url.scheme}://{request.url.netloc}{path(request, 'oidc_callback')}"


def _refuse(request: Request, refusal: Refused, next_: str) -> Response:
    log.warning("sign_in_refused", reason=refusal.reason)
    status = 503 if isinstance(refusal, ProviderDown) else 401
    return sign_in.form(request, next_=next_, fault=str(refusal), status=status)
