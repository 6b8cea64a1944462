"""One mailbox: how far each of its folders is, what went wrong, and what one may do about it."""

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from mailmine.access.permissions import Permission
from mailmine.model.integration import Integration, Mailbox
from mailmine.store import buckets, failures, folders, mailboxes, sources, strikes, warnings
from mailmine.sync import configure, editing, recent
from mailmine.web import loading, progress
from mailmine.web.forms import fields
from mailmine.web.integration import CONFIRMED
from mailmine.web.visit import Visit, change, page

FAILURES = 50
"""Failed items that the page lists; the rest are counted."""


@page
def show(visit: Visit) -> Response:
    """Answer GET `…/mailboxes/{mailbox}`."""
    integration = visit.integration()
    return _page(visit, integration, visit.mailbox(integration))


async def start(request: Request) -> Response:
    """Answer POST `…/start`: it is read again at once, whatever stopped it."""
    return await _change(request, _start)


async def stop(request: Request) -> Response:
    """Answer POST `…/stop`."""
    return await _change(request, _stop)


async def retry(request: Request) -> Response:
    """Answer POST `…/retry`: what could not be read is tried again at once."""
    return await _change(request, _retry)


async def read_anew(request: Request) -> Response:
    """Answer POST `…/read-anew`: all folders are read from their beginning, once that was confirmed."""
    return await _change(request, _read_anew)


async def remove(request: Request) -> Response:
    """Answer POST `…/delete`, once its address was typed: its emails and comments stay."""
    return await _change(request, _remove)


Act = Callable[[Visit, Integration, Mailbox, str], Response | None]


async def _change(request: Request, act: Act) -> Response:
    confirmed = (await fields(request)).get(CONFIRMED, "").strip()

    def answer(visit: Visit) -> Response:
        integration = visit.integration(Permission.INTEGRATIONS_WRITE)
        mailbox = visit.mailbox(integration)
        owner, name = integration.project, integration.name
        return act(visit, integration, mailbox, confirmed) or visit.go(
            "mailbox", owner=owner, name=name, mailbox=mailbox.id
        )

    return await run_in_threadpool(change, request, answer)


def _start(visit: Visit, integration: Integration, mailbox: Mailbox, _: str) -> None:
    editing.start_mailbox(visit.tx, mailbox, at=visit.at)
    visit.note("mailbox_started", integration, mailbox)


def _stop(visit: Visit, integration: Integration, mailbox: Mailbox, _: str) -> None:
    editing.stop_mailbox(visit.tx, mailbox)
    visit.note("mailbox_stopped", integration, mailbox)


def _retry(visit: Visit, integration: Integration, mailbox: Mailbox, _: str) -> None:
    failures.retry(visit.tx, mailbox.id, at=visit.at)
    mailboxes.wake(visit.tx, mailbox.id, visit.at)
    visit.note("failed_items_retried", integration, mailbox)


def _read_anew(
    visit: Visit, integration: Integration, mailbox: Mailbox, confirmed: str
) -> Response | None:
    if not confirmed:
        wrong = "Tick the box to confirm."
        return _page(visit, integration, mailbox, errors={"read_anew": wrong}, status=422)
    configure.read_anew(visit.tx, mailbox)
    mailboxes.wake(visit.tx, mailbox.id, visit.at)
    visit.note("mailbox_read_anew", integration, mailbox)
    return None


def _remove(
    visit: Visit, integration: Integration, mailbox: Mailbox, confirmed: str
) -> Response | None:
    if confirmed.lower() != mailbox.address.lower():
        wrong = f"Type its address, {mailbox.address}, to confirm."
        return _page(visit, integration, mailbox, errors={"delete": wrong}, status=422)
    mailboxes.remove(visit.tx, mailbox.id)
    visit.note("mailbox_removed", integration, mailbox)
    return visit.go("integration", owner=integration.project, name=integration.name)


def _page(
    visit: Visit,
    integration: Integration,
    mailbox: Mailbox,
    *,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    tx = visit.tx
    known = folders.of_mailbox(tx, mailbox.id)
    reasons = failures.reasons(tx, integration.id).get(mailbox.id, ())
    box = progress.of_mailbox(integration, mailbox, known, failures=reasons)
    wanted = [folder for folder in known if not box.leaves_out(folder)]
    return visit.render(
        "mailbox.html",
        status=status,
        here="integrations",
        title=mailbox.address,
        integration=integration,
        mailbox=mailbox,
        box=box,
        loading=loading.of_folders(wanted),
        bucket=buckets.by_id(tx, mailbox.bucket_id),
        shown_by=[one for one in visit.sources if one.bucket_id == mailbox.bucket_id],
        has_source=any(one.bucket_id == mailbox.bucket_id for one in sources.list_all(tx)),
        failed=failures.of_mailbox(tx, mailbox.id, FAILURES),
        paths={
            folder.key: folder.path for folder in folders.of_mailbox(tx, mailbox.id, with_gone=True)
        },
        held=strikes.of(tx, mailbox.id) or strikes.of(tx, integration.id),
        warned=warnings.of_integration(tx, integration.id).get(mailbox.id, ()),
        recent=recent.of(mailbox.id),
        may_change=visit.identity.may(Permission.INTEGRATIONS_WRITE, integration.project),
        errors=errors or {},
    )
