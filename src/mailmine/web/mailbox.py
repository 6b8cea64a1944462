"""One mailbox: how far each of its folders is, what went wrong, and what one may do about it."""

from collections import Counter

from starlette.responses import Response

from mailmine.access.permissions import Permission
from mailmine.model.integration import Integration, Mailbox
from mailmine.store import (
    buckets,
    failures,
    folders,
    mailboxes,
    rounds,
    sources,
    strikes,
    warnings,
)
from mailmine.sync import configure, editing
from mailmine.sync.enabling import is_stopped
from mailmine.sync.resume import enable_mailboxes
from mailmine.web import loading, progress
from mailmine.web.forms import Fields, form, to
from mailmine.web.integration import CONFIRMED
from mailmine.web.language import N_, _, each
from mailmine.web.visit import Visit, page

FAILURES = 50
"""Failed items that the page lists; the rest are counted."""


ENDINGS = {
    "done": N_("Done"),
    "unfinished": N_("Goes on"),
    "throttled": N_("Exchange wants a pause"),
    "failed": N_("Failed"),
    "broken": N_("Broken"),
    "not_stored": N_("Not stored"),
    "taken_over": N_("Taken over"),
    "stopped": N_("Stopped"),
}
"""How a round ended."""


@page
def show(visit: Visit) -> Response:
    """Answer GET `…/mailboxes/{mailbox}`."""
    integration = visit.integration()
    return _page(visit, integration, visit.mailbox(integration))


@form
def start(visit: Visit, _given: Fields) -> Response:
    """Answer POST `…/start`: what a person switched off is read again at once; trouble is tried first (`enable`)."""
    integration, mailbox = _changing(visit)
    if not is_stopped(mailbox):
        enable_mailboxes(visit.tx, integration, (mailbox,), at=visit.at, by=visit.identity.user_id)
    return _again(visit, integration, mailbox)


@form
def stop(visit: Visit, _given: Fields) -> Response:
    """Answer POST `…/stop`."""
    integration, mailbox = _changing(visit)
    editing.stop_mailbox(visit.tx, mailbox)
    visit.note("mailbox_stopped", integration, mailbox)
    return _again(visit, integration, mailbox)


@form
def retry(visit: Visit, _given: Fields) -> Response:
    """Answer POST `…/retry`: what could not be read is tried again at once."""
    integration, mailbox = _changing(visit)
    failures.retry(visit.tx, mailbox.id, at=visit.at)
    mailboxes.wake(visit.tx, mailbox.id, visit.at)
    visit.note("failed_items_retried", integration, mailbox)
    return _again(visit, integration, mailbox)


@form
def read_anew(visit: Visit, given: Fields) -> Response:
    """Answer POST `…/read-anew`: all folders are read from their beginning, once that was confirmed."""
    integration, mailbox = _changing(visit)
    if not given.get(CONFIRMED):
        wrong = _("Tick the box to confirm.")
        return _page(visit, integration, mailbox, errors={"read_anew": wrong}, status=422)
    configure.read_anew(visit.tx, mailbox)
    mailboxes.wake(visit.tx, mailbox.id, visit.at)
    visit.note("mailbox_read_anew", integration, mailbox)
    return _again(visit, integration, mailbox)


@form
def remove(visit: Visit, given: Fields) -> Response:
    """Answer POST `…/delete`, once its address was typed: its emails and comments stay."""
    integration, mailbox = _changing(visit)
    if given.get(CONFIRMED, "").strip().lower() != mailbox.address.lower():
        wrong = _("Type its address, %(address)s, to confirm.") % {"address": mailbox.address}
        return _page(visit, integration, mailbox, errors={"delete": wrong}, status=422)
    mailboxes.remove(visit.tx, mailbox.id)
    visit.note("mailbox_removed", integration, mailbox)
    return to(visit, "integration", owner=integration.project, name=integration.name)


def _changing(visit: Visit) -> tuple[Integration, Mailbox]:
    """Find what the address names, for somebody who may change it. Raises HTTPException."""
    integration = visit.integration(Permission.INTEGRATIONS_WRITE)
    return integration, visit.mailbox(integration)


def _again(visit: Visit, integration: Integration, mailbox: Mailbox) -> Response:
    owner, name = integration.project, integration.name
    return to(visit, "mailbox", owner=owner, name=name, mailbox=mailbox.id)


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
    past = rounds.of_mailbox(tx, mailbox.id)
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
        rounds=past,
        endings=each(ENDINGS),
        answers=sum((Counter(one.answers) for one in past), Counter()),
        may_change=visit.identity.may(Permission.INTEGRATIONS_WRITE, integration.project),
        errors=errors or {},
    )
