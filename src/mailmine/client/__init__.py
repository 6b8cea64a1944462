"""A client of mailmine's API, for robots and scripts. It needs httpx and nothing else of mailmine.

    with Client("https://mailmine.example.com", token) as client:
        for item in client.stream("support/all/robot"):
            print(item.comment.messages[0].subject)

`AsyncClient` is the same with `await` and `async for`. The API is that of Communications Mining.
"""

from mailmine.client.asynchronous import AsyncClient
from mailmine.client.blocking import Client
from mailmine.client.comments import Attachment, Comment, Counts, Message
from mailmine.client.errors import (
    ApiError,
    Error,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    TakenError,
    TooLargeError,
    UnauthenticatedError,
    UnexpectedAnswerError,
    UnreachableError,
)
from mailmine.client.items import Item

__all__ = [
    "ApiError",
    "AsyncClient",
    "Attachment",
    "Client",
    "Comment",
    "Counts",
    "Error",
    "ForbiddenError",
    "InvalidError",
    "Item",
    "Message",
    "NotFoundError",
    "TakenError",
    "TooLargeError",
    "UnauthenticatedError",
    "UnexpectedAnswerError",
    "UnreachableError",
]
