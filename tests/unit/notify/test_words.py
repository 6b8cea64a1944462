"""What messages say."""

from dataclasses import replace

import pytest

from mailmine.model.ids import MailboxId
from mailmine.model.notice import Topic
from mailmine.notify import words
from mailmine.notify.decide import HOUR
from tests.unit.notify.test_decide import NOON, NOTICE

MAILBOX = replace(
    NOTICE,
    mailbox_ids=(MailboxId("m1"),),
    mailboxes=("orders@example.com",),
    message="There is no such mailbox. Then run `mailmine check`.",
)
HOME = "https://mail.example.com/mine/"


def test_a_mailbox_is_told_with_what_why_since_when_what_to_do_and_where() -> None:
    letter = words.write([MAILBOX], public_url=HOME)
    assert letter.title == "The mailbox orders@example.com was disabled"
    for part in (
        "Project support, integration Exchange.",
        "Since 2026-03-02 12:00 UTC.",
        "There is no such mailbox. Then run `mailmine check`. [gone]",
        "https://mail.example.com/mine/integrations?open=m1#m-m1",
    ):
        assert part in letter.text
    assert letter.link in letter.text


def test_without_an_address_of_ours_there_is_no_link() -> None:
    letter = words.write([MAILBOX], public_url="")
    assert letter.link == ""
    assert "http" not in letter.text


@pytest.mark.parametrize(
    ("topic", "count", "title"),
    [
        (Topic.INTEGRATION_DISABLED, 0, "The integration Exchange was disabled"),
        (Topic.MAILBOX_DISABLED, 5, "5 mailboxes of Exchange were disabled"),
        (Topic.RESOLVED, 0, "The integration Exchange is read again"),
        (Topic.RESOLVED, 1, "The mailbox 0@example.com is read again"),
        (Topic.RESOLVED, 5, "5 mailboxes of Exchange are read again"),
        (Topic.WARNING, 1, "The mailbox 0@example.com needs attention"),
        (Topic.WARNING, 2, "2 mailboxes of Exchange need attention"),
    ],
)
def test_the_title_says_what(topic: Topic, count: int, title: str) -> None:
    boxes = tuple(f"{number}@example.com" for number in range(count))
    assert words.title(replace(NOTICE, topic=topic, mailboxes=boxes)) == title


def test_what_is_resolved_says_for_how_long_it_had_stopped() -> None:
    back = replace(MAILBOX, topic=Topic.RESOLVED, until=NOON + HOUR)
    text = words.write([back], public_url="").text
    assert "had stopped at 2026-03-02 12:00 UTC, and goes on since 2026-03-02 13:00 UTC" in text
    assert "mailmine check" not in text


def test_of_very_many_some_are_named() -> None:
    boxes = tuple(f"{number}@example.com" for number in range(100))
    text = words.write([replace(NOTICE, mailboxes=boxes)], public_url="").text
    assert "- 19@example.com\n- and 80 more" in text


def test_a_sum_names_all() -> None:
    letter = words.write([MAILBOX, NOTICE], public_url=HOME)
    assert letter.title == "2 more messages within an hour, summed up"
    assert (
        "- The mailbox orders@example.com was disabled. Since 2026-03-02 12:00 UTC." in letter.text
    )
    assert "- The integration Exchange was disabled" in letter.text
    assert letter.link == "https://mail.example.com/mine/integrations"


def test_a_title_is_one_line() -> None:
    odd = replace(NOTICE, integration="Our\r\nBcc: all@example.com")
    assert words.title(odd) == "The integration Our Bcc: all@example.com was disabled"
