"""What one was told, and what one wants to be told."""

from sqlalchemy import Connection as Transaction
from starlette.requests import Request
from starlette.responses import Response

from mailmine.access.permissions import Identity, sees_integrations
from mailmine.model.notice import PersonalChannel, Topic
from mailmine.notify import audience, inbox
from mailmine.store import deliveries, events, subscriptions, users
from mailmine.web.forms import change, fields
from mailmine.web.site import Site
from mailmine.web.visit import Visit, page

SHOWN = 50
TOPICS = {
    Topic.INTEGRATION_DISABLED: "An integration was disabled",
    Topic.MAILBOX_DISABLED: "A mailbox was disabled",
    Topic.RESOLVED: "What had stopped is read again",
    Topic.WARNING: "Something will stop unless somebody acts",
}
CHANNELS = {PersonalChannel.IN_APP: "Here", PersonalChannel.EMAIL: "By e-mail"}


@page
def show(visit: Visit) -> Response:
    """Answer `/notifications`."""
    user = users.by_id(visit.tx, visit.identity.user_id)
    told = inbox.of(visit.tx, user, sees_integrations, limit=SHOWN) if user else ()
    return visit.render(
        "notifications.html",
        here="notifications",
        title="Notifications",
        told=told,
        topics=TOPICS,
        channels=CHANNELS,
        wanted=audience.choices_of(visit.tx, visit.identity.user_id),
        address=audience.address_of(user) if user else None,
    )


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
