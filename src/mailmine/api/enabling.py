"""Switches on what trouble stopped, once it was tried."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from msgspec import Meta, Struct
from starlette.concurrency import run_in_threadpool

from mailmine.api.asking import Asker, Data, services
from mailmine.api.bodies import takes
from mailmine.api.errors import InvalidError
from mailmine.api.integrations import enabled, find
from mailmine.model.ids import IntegrationId, MailboxId
from mailmine.store import mailboxes

router = APIRouter(
    prefix="/api/_private/integrations/{integration:address}/enable", tags=["integrations"]
)


class EnableBody(Struct, frozen=True):
    """What is to be switched on."""

    mailboxes: Annotated[tuple[str, ...], Meta(max_length=100)] = ()
    """Their addresses; none: the integration itself."""
    insist: bool = False
    """Whether it is switched on untried."""


@router.post("")
async def enable(
    request: Request,
    integration: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[EnableBody, Depends(takes(EnableBody))],
) -> Response:
    """Switch on what was stopped: it is tried first, and what would be stopped again stays off and is told as an obstacle.

    What goes on is read from where it was, with nothing counted against it. With `insist` nothing is tried.
    """

    def look() -> tuple[IntegrationId, list[MailboxId]]:
        with data.read() as tx:
            found = find(tx, integration, asker)
            members = {
                one.address.lower(): one.id for one in mailboxes.of_integration(tx, found.id)
            }
        for address in wanted.mailboxes:
            if address.lower() not in members:
                raise InvalidError(f"mailboxes: the integration has no mailbox {address}.")
        return found.id, [members[address.lower()] for address in wanted.mailboxes]

    integration_id, boxes = await run_in_threadpool(look)
    obstacles = await services(request).enabling.switch_on(
        integration_id,
        boxes,
        itself=not boxes,
        insists=wanted.insist,
        by=asker.identity.user_id,
    )
    return await run_in_threadpool(lambda: enabled(request, integration, asker, data, obstacles))
