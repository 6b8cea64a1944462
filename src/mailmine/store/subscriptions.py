"""What people chose to be told, and how. Who chose nothing gets everything he may see, in every way to him."""

from collections.abc import Mapping

from sqlalchemy import Connection, select

from mailmine.model.ids import UserId
from mailmine.model.notice import PersonalChannel, Topic
from mailmine.store.schema import subscriptions
from mailmine.store.upsert import upsert

Choices = Mapping[tuple[Topic, PersonalChannel], bool]


def of_user(tx: Connection, user_id: UserId) -> Choices:
    """Give what one person chose."""
    return list_all(tx, user_id).get(user_id, {})


def list_all(tx: Connection, user_id: UserId | None = None) -> Mapping[UserId, Choices]:
    """Give what each person chose, or one; who chose nothing is not there."""
    query = select(subscriptions)
    if user_id is not None:
        query = query.where(subscriptions.c.user_id == user_id)
    found: dict[UserId, dict[tuple[Topic, PersonalChannel], bool]] = {}
    for row in tx.execute(query):
        choice = Topic(row.topic), PersonalChannel(row.channel)
        found.setdefault(UserId(row.user_id), {})[choice] = row.wanted
    return found


def put(
    tx: Connection, user_id: UserId, topic: Topic, channel: PersonalChannel, *, wanted: bool
) -> None:
    """Keep a choice. Raises NotFound if there is no such user."""
    tx.execute(
        upsert(tx, subscriptions, key=("user_id", "topic", "channel"), change=("wanted",)).values(
            user_id=user_id, topic=topic, channel=channel, wanted=wanted
        )
    )
