from datetime import UTC, datetime, timedelta

from hypothesis import given, strategies as st

from mailmine.model.danger import Danger
from mailmine.model.ids import IntegrationId, MailboxId
from mailmine.store.warnings import StandingWarning
from mailmine.sync.settings import WarningSettings
from mailmine.sync.warned import Followed, Threat, follow

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
AGAIN = WarningSettings().again


def threat(
    code: str = "secret_ends", *, ends_at: datetime | None = None, words: str = ""
) -> Threat:
    danger = Danger(code=code, message=words or f"{code}.", ends_at=ends_at)
    return Threat(integration_id=IntegrationId("i"), mailbox_id=None, danger=danger)


class Story:
    """What is warned of, look by look."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], StandingWarning] = {}

    def look(self, *threats: Threat, now: datetime = NOW) -> Followed:
        followed = follow(self.known.values(), threats, now=now, again=AGAIN)
        for one in followed.end:
            del self.known[one.subject, one.code]
        for one in followed.keep:
            self.known[one.subject, one.code] = one
        return followed


def test_what_begins_is_told_once() -> None:
    story = Story()
    (told,) = story.look(threat()).tell
    assert (told.since, told.message) == (NOW, "secret_ends.")
    assert story.look(threat(), now=NOW + DAY) == Followed()


def test_what_is_over_ends_and_may_begin_anew() -> None:
    story = Story()
    story.look(threat())
    assert [one.code for one in story.look(now=NOW + DAY).end] == ["secret_ends"]
    (told,) = story.look(threat(), now=NOW + 2 * DAY).tell
    assert told.since == NOW + 2 * DAY


def test_a_mailbox_and_its_integration_are_warned_of_apart() -> None:
    story = Story()
    box = Threat(
        integration_id=IntegrationId("i"),
        mailbox_id=MailboxId("m"),
        danger=Danger(code="secret_ends", message=""),
    )
    assert len(story.look(threat(), threat("ews_ends"), box).tell) == 3
    assert len(story.look(threat(), threat("ews_ends")).end) == 1


def test_other_words_are_kept_and_not_told() -> None:
    story = Story()
    story.look(threat())
    followed = story.look(threat(words="Other."), now=NOW + DAY)
    assert followed.tell == ()
    assert [(one.message, one.since) for one in followed.keep] == [("Other.", NOW)]


@given(
    begins=st.integers(min_value=1, max_value=60 * 24),
    looks=st.lists(st.integers(min_value=1, max_value=200), max_size=60),
)
def test_an_end_is_told_when_it_begins_and_once_at_each_mark(begins: int, looks: list[int]) -> None:
    """Hours before the end at which it begins, and hours between the looks; a mark that a look jumped over is told then."""
    ends_at = NOW
    now = ends_at - timedelta(hours=begins)
    story = Story()
    told = [now for _ in story.look(threat(ends_at=ends_at), now=now).tell]
    expected = [now]
    for hours in looks:
        before, now = now, now + timedelta(hours=hours)
        if any(before < ends_at - mark <= now for mark in AGAIN):
            expected.append(now)
        told += [now for _ in story.look(threat(ends_at=ends_at), now=now).tell]
    assert told == expected


def test_the_marks_are_thirty_fourteen_seven_three_and_one_day() -> None:
    story, ends_at, told = Story(), NOW + 40 * DAY, []
    for day in range(45):
        now = NOW + day * DAY
        if story.look(threat(ends_at=ends_at), now=now).tell:
            told.append((ends_at - now).days)
    assert told == [40, 30, 14, 7, 3, 1]
