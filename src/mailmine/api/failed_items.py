"""Emails that did not become comments, or not wholly: each with the reason, and when it is tried again."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from msgspec import Struct
from sqlalchemy import Connection as Transaction

from mailmine.api.answers import ok
from mailmine.api.asking import Asker, Data
from mailmine.api.bodies import takes
from mailmine.api.errors import InvalidError
from mailmine.api.integrations import find
from mailmine.api.noting import note
from mailmine.model.ids import IntegrationId
from mailmine.model.integration import Mailbox
from mailmine.model.wire import timestamp
from mailmine.store import failures, folders, mailboxes
from mailmine.store.failures import Failure

router = APIRouter(
    prefix="/api/_private/integrations/{integration:address}/failed-items",
    tags=["integrations"],
)


class FailedItemsOf(Struct, frozen=True):
    """Which mailbox."""

    mailbox: str


@router.get("")
def read_failed_items(
    request: Request,
    integration: str,
    asker: Asker,
    data: Data,
    *,
    mailbox: Annotated[str | None, Query(description="Of this mailbox only.")] = None,
    limit: Annotated[int, Query(ge=1, le=1_024, description="Items of each mailbox.")] = 256,
) -> Response:
    """List the items that could not be read, of each mailbox the latest first. An item is named as Exchange does."""
    with data.read() as tx:
        found = find(tx, integration, asker)
        members = mailboxes.of_integration(tx, found.id)
        if mailbox is not None:
            members = (_member(tx, found.id, mailbox),)
        told = [one for member in members for one in _of_mailbox(tx, member, limit)]
    return ok(request, failed_items=told)


@router.post("")
def retry_failed_items(
    request: Request,
    integration: str,
    asker: Asker,
    data: Data,
    wanted: Annotated[FailedItemsOf, Depends(takes(FailedItemsOf))],
) -> Response:
    """Try all items of a mailbox again at once that could not be read, also those that were given up."""
    with data.write() as tx:
        found = find(tx, integration, asker)
        member = _member(tx, found.id, wanted.mailbox)
        retried = failures.retry(tx, member.id, at=asker.at)
        if retried:
            mailboxes.wake(tx, member.id, asker.at)
        note(
            tx, asker, "failed_items_retried",
            project=found.project, integration_id=found.id, mailbox=member.address,
        )  # fmt: skip
    return ok(request, retried=retried)


def _member(tx: Transaction, integration_id: IntegrationId, address: str) -> Mailbox:
    for member in mailboxes.of_integration(tx, integration_id):
        if member.address.lower() == address.lower():
            return member
    raise InvalidError(f"mailbox: the integration has no mailbox {address}.")


def _of_mailbox(tx: Transaction, mailbox: Mailbox, limit: int) -> list[dict[str, object]]:
    paths = {folder.key: folder.path for folder in folders.of_mailbox(tx, mailbox.id)}
    return [
        _json(mailbox, paths.get(one.folder_key, ()), one)
        for one in failures.of_mailbox(tx, mailbox.id, limit)
    ]


def _json(mailbox: Mailbox, path: tuple[str, ...], failure: Failure) -> dict[str, object]:
    again = failure.next_try_at
    return {
        "mailbox": mailbox.address,
        "folder_path": path,
        "item_id": failure.item_id,
        "code": failure.code,
        "message": failure.message,
        "attempts": failure.attempts,
        "first_at": timestamp(failure.first_at),
        "last_at": timestamp(failure.last_at),
        "next_try_at": timestamp(again) if again else None,
    }
