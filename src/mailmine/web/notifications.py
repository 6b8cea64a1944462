"""What one was told, and what one wants to be told."""

from dataclasses import dataclass
from http import HTTPStatus
from math import ceil

from sqlalchemy import Connection as Transaction
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mailmine.access.permissions import Identity, Permission, sees_integrations
from mailmine.model.notice import PersonalChannel, Topic
from mailmine.notify import audience, inbox, trial
from mailmine.notify.channel import Channel
from mailmine.notify.words import Letter
from mailmine.store import deliveries, events, subscriptions, users
from mailmine.web.forms import change, fields, write
from mailmine.web.language import N_, _, each
from mailmine.web.site import Site, path
from mailmine.web.visit import Visit, look, page

SHOWN = 50
TOPICS = {
    Topic.INTEGRATION_DISABLED: N_("An integration was disabled"),
    Topic.MAILBOX_DISABLED: N_("A mailbox was disabled"),
    Topic.RESOLVED: N_("What had stopped is read again"),
    Topic.WARNING: N_("Something will stop unless somebody acts"),
}
CHANNELS = {PersonalChannel.IN_APP: N_("Here"), PersonalChannel.EMAIL: N_("By e-mail")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way by which the visitor may be told, or lets a project be told."""

    key: str
    name: str
    where: str
    """Where it leads, or why nowhere."""
    channel: Channel | None = None
    """None: it is these pages, or it cannot be used."""
    to: str = ""

    @property
    def can_be_tried(self) -> bool:
        """Tell whether a message can go there."""
        return self.channel is not None or self.key == PersonalChannel.IN_APP


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a test message."""

    key: str
    """Of the way."""
    why_not: str | None
    letter: Letter


@page
def show(visit: Visit) -> Response:
    """Answer `/notifications`."""
    return _page(visit)


def _page(visit: Visit, *, outcome: Outcome | None = None, status: int = 200) -> Response:
    user = users.by_id(visit.tx, visit.identity.user_id)
    told = inbox.of(visit.tx, user, sees_integrations, limit=SHOWN) if user else ()
    return visit.render(
        "notifications.html",
        status=status,
        here="notifications",
        title=_("Notifications"),
        told=told,
        topics=each(TOPICS),
        channels=each(CHANNELS),
        wanted=audience.choices_of(visit.tx, visit.identity.user_id),
        address=audience.address_of(user) if user else None,
        ways=_ways(visit),
        outcome=outcome,
    )


async def try_out(request: Request) -> Response:
    """Answer POST `/notifications/test`: a test message goes one way, and the page says whether it arrived."""
    given = await fields(request)
    found = await run_in_threadpool(
        look, request, lambda visit: (visit.username, _find(visit, given.get("way", "")))
    )
    if found is None:
        return RedirectResponse(path(request, "sign_in"), 303)
    username, way = found
    site: Site = request.app.state.site
    letter = trial.letter(username, public_url=site.setup.public_url)
    if wait := site.sending.attempt(username, "", now=site.now()):
        why_not: str | None = _("Not sent: wait for %(number)d seconds.") % {
            "number": ceil(wait.total_seconds())
        }
    elif way.channel is None:
        why_not = None
    else:
        why_not = await trial.send(way.channel, letter, to=way.to)
    outcome = Outcome(key=way.key, why_not=why_not, letter=letter)
    return await run_in_threadpool(write, request, _refused if wait else _tried, outcome)


def _tried(visit: Visit, outcome: Outcome) -> Response:
    visit.note("notification_tried", name=outcome.key, arrived=outcome.why_not is None)
    return _page(visit, outcome=outcome)


def _refused(visit: Visit, outcome: Outcome) -> Response:
    return _page(visit, outcome=outcome, status=HTTPStatus.TOO_MANY_REQUESTS)


def _ways(visit: Visit) -> list[Way]:
    """List his own ways, and those of the projects whose integrations he looks after."""
    site: Site = visit.request.app.state.site
    channels = site.setup.channels
    user = users.by_id(visit.tx, visit.identity.user_id)
    address = audience.address_of(user) if user else None
    if channels.email is None:
        mail = _("No server for e-mail is set up here")
    else:
        mail = address or _("Your account has no e-mail address")
    return [
        Way(key=PersonalChannel.IN_APP, name=_("Here"), where=_("On this page")),
        Way(
            key=PersonalChannel.EMAIL,
            name=_("E-mail"),
            where=mail,
            channel=channels.email if address else None,
            to=address or "",
        ),
        *(
            Way(
                key=name,
                name=name,
                where=_("All of the project %(project)s") % {"project": room.project},
                channel=channel,
            )
            for name, (room, channel) in sorted(channels.rooms.items())
            if visit.identity.may(Permission.INTEGRATIONS_WRITE, room.project)
        ),
    ]


def _find(visit: Visit, key: str) -> Way:
    for way in _ways(visit):
        if way.key == key and way.can_be_tried:
            return way
    raise HTTPException(404)


async def read(request: Request) -> Response:
    """Answer POST `/notifications/read`: all that is there was read."""
    await fields(request)
    site: Site = request.app.state.site

    def act(tx: Transaction, identity: Identity) -> None:
        unread = [one.id for one in deliveries.inbox(tx, identity.user_id, SHOWN)]
        deliveries.mark_read(tx, identity.user_id, unread, at=site.now())

    return await change(request, act, then="notifications")


async def choose(request: Request) -> Response:
    """Answer POST `/notifications/choices`: what is ticked is wanted, the rest is not."""
    given = await fields(request)
    site: Site = request.app.state.site

    def act(tx: Transaction, identity: Identity) -> None:
        before = audience.choices_of(tx, identity.user_id)
        for (topic, channel), was_wanted in before.items():
            wanted = f"{topic}.{channel}" in given
            if wanted != was_wanted:
                subscriptions.put(tx, identity.user_id, topic, channel, wanted=wanted)
                detail: events.Detail = {"topic": topic, "channel": channel, "wanted": wanted}
                events.append(
                    tx,
                    "subscription_changed",
                    at=site.now(),
                    user_id=identity.user_id,
                    detail=detail,
                )

    return await change(request, act, then="notifications")
