"""What may go wrong with a request, and how a client is told.

    ApiError
     ├── BadRequestError        400
     ├── UnauthenticatedError   401
     ├── ForbiddenError         403
     ├── NotFoundError          404
     ├── TakenError             409
     ├── TooLargeError          413
     ├── UnsupportedError       415
     ├── RangeError             416
     └── InvalidError           422

Whatever goes wrong, the answer is `{"status": "error", "message": …}`: clients take anything else for a
broken server (Communications Mining, section 0).
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import ClassVar

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match, Route
from structlog import get_logger

from mailmine.access.people import NotAllowed
from mailmine.api.answers import JSON
from mailmine.store.errors import (
    BlobDamaged,
    Conflict,
    ContentsUnavailable,
    DatabaseUnavailable,
    NotFound as NotStored,
    StoreError,
)
from mailmine.sync.making import NotMade, Taken
from mailmine.sync.refinery import RefineryBroken

_log = get_logger(__name__)

RETRY_AFTER = "5"
"""Seconds; what clients of Communications Mining wait before their first retry anyway."""


class ApiError(Exception):
    """A request cannot be fulfilled; the message is for the person who sent it."""

    status: ClassVar[HTTPStatus]

    @property
    def headers(self) -> Mapping[str, str]:
        """What the answer carries beside the message."""
        return {}


class BadRequestError(ApiError):
    """The request is not one that this route understands."""

    status = HTTPStatus.BAD_REQUEST


class UnauthenticatedError(ApiError):
    """Who asks did not say, or not truthfully, who he is."""

    status = HTTPStatus.UNAUTHORIZED

    @property
    def headers(self) -> Mapping[str, str]:
        """Say how to authenticate (RFC 9110, 11.6.1)."""
        return {"WWW-Authenticate": "Bearer"}


class ForbiddenError(ApiError):
    """Who asks may not do this."""

    status = HTTPStatus.FORBIDDEN


class NotFoundError(ApiError):
    """There is no such thing, or none that exists for who asks."""

    status = HTTPStatus.NOT_FOUND


class TakenError(ApiError):
    """Something is there already, or in use. Clients try the same again a few times (section 0)."""

    status = HTTPStatus.CONFLICT


class TooLargeError(ApiError):
    """The body is longer than this route takes."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The body is longer than {limit:,} bytes. Send less at a time, in several requests."
        )


class UnsupportedError(ApiError):
    """The body is in a form that this route does not read."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class InvalidError(ApiError):
    """The body is understood, but what it says cannot be."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class RangeError(ApiError):
    """The range lies outside the content."""

    status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE

    def __init__(self, size: int) -> None:
        super().__init__(f"The content has {size} bytes; the range lies outside.")
        self._size = size

    @property
    def headers(self) -> Mapping[str, str]:
        """Say how much there is (RFC 9110, 15.5.17)."""
        return {"Content-Range": f"bytes */{self._size}"}


def failure(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Make the answer that tells of a failure."""
    return Response(
        orjson.dumps({"status": "error", "message": message}),
        status,
        {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **(headers or {})},
        JSON,
    )


def bug(request_line: str, error: Exception) -> Response:
    """Answer where the fault is ours: nothing of it reaches the client, its kind and place the log."""
    _log.error("request_failed", request=request_line, exc_info=error)
    return failure(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "Something went wrong inside mailmine. Its log tells what; please report it.",
    )


def install(app: FastAPI) -> None:
    """Let `app` answer every failure in the one form."""
    app.exception_handler(ApiError)(_api_error)
    app.exception_handler(HTTPException)(_http_exception)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(NotAllowed)(_not_allowed)
    app.exception_handler(NotMade)(_not_made)
    app.exception_handler(StoreError)(_store_error)
    app.exception_handler(RefineryBroken)(_refinery_broken)
    app.exception_handler(ClientDisconnect)(_left)


def _api_error(_: Request, error: ApiError) -> Response:
    return failure(error.status, str(error), error.headers)


def _left(_: Request, error: ClientDisconnect) -> Response:
    """Answer a client that broke off; nobody may hear it, but it is no fault of ours."""
    del error
    return failure(HTTPStatus.BAD_REQUEST, "The body ended before its end.")


def _not_allowed(_: Request, error: NotAllowed) -> Response:
    return failure(HTTPStatus.FORBIDDEN, str(error))


def _not_made(_: Request, error: NotMade) -> Response:
    is_taken = isinstance(error, Taken)
    status = HTTPStatus.CONFLICT if is_taken else HTTPStatus.UNPROCESSABLE_ENTITY
    return failure(status, str(error))


def _http_exception(request: Request, error: HTTPException) -> Response:
    """Answer what the framework refuses: unknown routes and methods, mostly."""
    if error.status_code == HTTPStatus.NOT_FOUND:
        message = f"There is no route {request.method} {request.url.path}."
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(_methods(request))
        message = f"{request.method} is not possible here; possible: {allowed}."
        return failure(error.status_code, message, {"Allow": allowed})
    else:
        message = str(error.detail)
    return failure(error.status_code, message, error.headers)


def _methods(request: Request) -> Sequence[str]:
    """Name the methods of all routes with this path; the framework names those of the first."""
    found = {
        method
        for router in request.app.state.routers
        for route in router.routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }
    return sorted(found | {"HEAD"} if "GET" in found else found)


def _invalid(_: Request, error: RequestValidationError) -> Response:
    faults = (
        f"{'.'.join(str(part) for part in fault['loc'][1:]) or 'body'}: {fault['msg']}"
        for fault in error.errors()
    )
    return failure(HTTPStatus.UNPROCESSABLE_ENTITY, "; ".join(faults))


def _refinery_broken(_: Request, error: RefineryBroken) -> Response:
    _log.error("refinery_broken", error=str(error))
    return failure(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Emails cannot be refined at the moment. Try again shortly.",
        {"Retry-After": RETRY_AFTER},
    )


def _store_error(request: Request, error: StoreError) -> Response:
    if isinstance(error, DatabaseUnavailable):
        _log.warning("database_unavailable", error=str(error))
        return failure(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "The database cannot be reached at the moment. Try again shortly.",
            {"Retry-After": RETRY_AFTER},
        )
    if isinstance(error, ContentsUnavailable):
        _log.warning("contents_unavailable", error=str(error))
        return failure(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "Where contents are kept cannot be reached at the moment. Try again shortly.",
            {"Retry-After": RETRY_AFTER},
        )
    if isinstance(error, BlobDamaged):
        _log.error("content_damaged", error=str(error))
        return failure(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            f"{error} Whoever operates mailmine may have it in a backup.",
        )
    if isinstance(error, Conflict):
        return failure(HTTPStatus.CONFLICT, str(error))
    if isinstance(error, NotStored):
        return failure(HTTPStatus.NOT_FOUND, str(error))
    return bug(f"{request.method} {request.url.path}", error)
