from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from mailmine.model.email import Email
from mailmine.model.ids import MessageId
from mailmine.refine import conversation
from mailmine.refine.conversation import Node

START = datetime(2026, 3, 3, 10, tzinfo=UTC)


def email(name: str, *references: str, subject: str = "", minute: int = 0) -> Email:
    return Email(
        message_id=MessageId(f"<{name}@b>"),
        references=tuple(MessageId(f"<{reference}@b>") for reference in references),
        subject=subject,
        sent_at=START + timedelta(minutes=minute),
    )


def shape(nodes: list[Node]) -> list[object]:
    return [[node.index, *shape(node.children)] for node in nodes]


def test_answers_hang_below_what_they_answer() -> None:
    emails = [email("a"), email("b", "a"), email("c", "a", "b"), email("x", minute=1)]
    assert shape(conversation.arrange(emails)) == [[0, [1, [2]]], [3]]


def test_mail_out_of_order_makes_the_same_tree() -> None:
    emails = [email("c", "a", "b"), email("b", "a"), email("a")]
    assert shape(conversation.arrange(emails)) == [[2, [1, [0]]]]


def test_a_missing_parent_holds_its_answers_together() -> None:
    emails = [email("b", "a"), email("c", "a", minute=1)]
    assert shape(conversation.arrange(emails)) == [[None, [0], [1]]]


def test_a_missing_link_in_the_middle_is_skipped() -> None:
    assert shape(conversation.arrange([email("a"), email("c", "a", "b")])) == [[0, [1]]]


def test_a_reply_without_references_finds_its_subject() -> None:
    emails = [email("a", subject="Order 12"), email("b", subject="RE: [sales] Order 12", minute=1)]
    assert shape(conversation.arrange(emails)) == [[0, [1]]]


def test_siblings_come_in_the_order_of_their_sending() -> None:
    emails = [email("a"), email("c", "a", minute=5), email("b", "a", minute=2)]
    assert shape(conversation.arrange(emails)) == [[0, [2], [1]]]


def test_groups_by_subject() -> None:
    emails = [
        email("a", subject="x", minute=2),
        email("b", subject="y"),
        email("c", subject="Re: x"),
    ]
    assert shape(conversation.by_subject(emails)) == [[1], [2, [0]]]


def test_an_email_without_a_date_counts_as_sent_when_it_arrived() -> None:
    emails = [Email(message_id=None, subject=subject) for subject in "aab"]
    arrived = [START + timedelta(minutes=minute) for minute in (5, 1, 0)]
    assert shape(conversation.by_subject(emails, arrived)) == [[2], [1, [0]]]
    emails = [
        replace(email(name, *above), sent_at=None) for name, *above in (["a"], ["b", "c"], ["c"])
    ]
    assert shape(conversation.arrange(emails, arrived)) == [[2, [1]], [0]]
    assert shape(conversation.arrange(emails)) == [[0], [2, [1]]]


@pytest.mark.parametrize(
    ("subject", "base"),
    [
        ("Re: Order", ("order", True)),
        ("[list] Re: Fwd: Order (fwd)", ("order", True)),
        ("[Fwd: Order]", ("order", True)),
        ("Order  12", ("order 12", False)),
        ("[only]", ("[only]", False)),
        ("", ("", False)),
    ],
)
def test_base_subjects(subject: str, base: tuple[str, bool]) -> None:
    assert conversation.base_subject(subject) == base


NAMES = st.sampled_from("abcde")


@given(st.lists(st.tuples(NAMES, st.lists(NAMES, max_size=4)), max_size=12))
def test_every_email_stands_in_the_trees_once_whatever_it_refers_to(
    given_: list[tuple[str, list[str]]],
) -> None:
    emails = [email(name, *references) for name, references in given_]
    found: list[int] = []
    stack = conversation.arrange(emails)
    while stack:
        node = stack.pop()
        if node.index is not None:
            found.append(node.index)
        stack.extend(node.children)
    assert sorted(found) == list(range(len(emails)))
