"""What may go wrong.

Error
 ├── UnreachableError        no answer came
 ├── UnexpectedAnswerError   an answer came that is none of mailmine's
 └── ApiError                mailmine, or what stands before it, refused
      ├── UnauthenticatedError   401
      ├── ForbiddenError         403
      ├── NotFoundError          404
      ├── TakenError             409
      ├── TooLargeError          413
      └── InvalidError           422
"""

from http import HTTPStatus


class Error(Exception):
    """A call did not do what it was to do; the message is for a person."""


class UnreachableError(Error):
    """No answer came, or it broke off: the network, the server, or the time-out."""


class UnexpectedAnswerError(Error):
    """What answered is not mailmine; the address is wrong, most likely."""


class ApiError(Error):
    """mailmine refused."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{message} (HTTP {status})")
        self.status = status
        self.message = message


class UnauthenticatedError(ApiError):
    """The token is none, or none any more."""


class ForbiddenError(ApiError):
    """The user of the token may not do this."""


class NotFoundError(ApiError):
    """There is no such thing, or none that exists for the user of the token."""


class TakenError(ApiError):
    """Something is there already, or in use."""


class TooLargeError(ApiError):
    """The request is too large; send less at a time."""


class InvalidError(ApiError):
    """What was sent is understood, but cannot be."""


_CLASSES: dict[int, type[ApiError]] = {
    HTTPStatus.UNAUTHORIZED: UnauthenticatedError,
    HTTPStatus.FORBIDDEN: ForbiddenError,
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.CONFLICT: TakenError,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: TooLargeError,
    HTTPStatus.UNPROCESSABLE_ENTITY: InvalidError,
}


def of_status(status: int, message: str) -> ApiError:
    """Make the error that stands for a status."""
    return _CLASSES.get(status, ApiError)(status, message)
