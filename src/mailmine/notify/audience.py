"""Who may be told: the people with the right, as they are now and as they chose."""

from collections.abc import Callable, Mapping

from sqlalchemy import Connection as Transaction

from mailmine.model.ids import UserId
from mailmine.model.notice import PersonalChannel, Topic
from mailmine.notify.decide import Person
from mailmine.store import subscriptions, users
from mailmine.store.subscriptions import Choices
from mailmine.store.users import User

MaySee = Callable[[User, str], bool]
"""Whether a user may see the integrations of the project so named."""


def everybody(tx: Transaction, may_see: MaySee, *, has_email: bool) -> list[Person]:
    """Give all people who may be told anything."""
    choices = subscriptions.list_all(tx)
    return [
        _person(user, may_see, choices.get(user.id, {}), has_email=has_email)
        for user in users.list_all(tx)
        if user.is_enabled
    ]


def one(tx: Transaction, user_id: UserId, may_see: MaySee, *, has_email: bool) -> Person | None:
    """Give one person; None where he has no account any more, or may not use it."""
    user = users.by_id(tx, user_id)
    if user is None or not user.is_enabled:
        return None
    return _person(user, may_see, subscriptions.of_user(tx, user_id), has_email=has_email)


def address_of(user: User) -> str | None:
    """Give where mail reaches a user; None where nobody ever said (`name@localhost` stands for that)."""
    local, _, domain = user.email.rpartition("@")
    return user.email if local and domain not in {"", "localhost"} else None


def choices_of(tx: Transaction, user_id: UserId) -> Mapping[tuple[Topic, PersonalChannel], bool]:
    """Say for each topic and channel whether a person wants it; what he did not choose he does."""
    chosen = subscriptions.of_user(tx, user_id)
    every = [(topic, channel) for topic in Topic for channel in PersonalChannel]
    return {choice: chosen.get(choice, True) for choice in every}


def _person(user: User, may_see: MaySee, choices: Choices, *, has_email: bool) -> Person:
    ways = {PersonalChannel.IN_APP}
    if has_email and address_of(user) is not None:
        ways.add(PersonalChannel.EMAIL)
    return Person(
        user_id=user.id,
        may_see=lambda project: may_see(user, project),
        channels=frozenset(ways),
        choices=choices,
    )
