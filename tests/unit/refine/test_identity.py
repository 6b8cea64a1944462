from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given, strategies as st

from mailmine.model.email import Address, Email
from mailmine.model.ids import CommentId, MessageId
from mailmine.refine import identity

EMAIL = Email(
    message_id=None,
    subject="Order 12",
    from_=Address("Ann", "ann@example.com"),
    to=(Address("", "bob@example.com"),),
    sent_at=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
    text="Where is it?",
)


def test_comment_id_is_hex_of_the_message_id_with_its_brackets() -> None:
    assert identity.comment_id(MessageId("<a@b>")) == "3c6140623e"


def test_case_of_the_message_id_is_kept() -> None:
    assert identity.comment_id(MessageId("<A@b>")) != identity.comment_id(MessageId("<a@b>"))


@given(st.text(min_size=1))
def test_comment_id_always_fits_into_a_url(text: str) -> None:
    made = identity.comment_id(MessageId(text))
    assert 0 < len(made) <= identity.MAX_LENGTH
    assert set(made) <= set("0123456789abcdef")


def test_long_message_ids_still_differ() -> None:
    long = "x" * 600
    one, other = (identity.comment_id(MessageId(f"<{long}@{host}>")) for host in ("a", "b"))
    assert one != other
    assert len(one) == 64


def test_without_a_message_id_the_same_content_is_the_same_comment() -> None:
    """spec/exchange.md, C 26."""
    assert identity.of(EMAIL) == identity.of(replace(EMAIL))


def test_without_a_message_id_other_content_is_another_comment() -> None:
    others = (
        replace(EMAIL, subject="Order 13"),
        replace(EMAIL, text="Where are they?"),
        replace(EMAIL, to=()),
        replace(EMAIL, from_=None),
        replace(EMAIL, sent_at=None),
    )
    assert len({identity.of(email) for email in (EMAIL, *others)}) == 6


def test_the_fingerprint_looks_at_sender_and_time_only() -> None:
    same = replace(EMAIL, subject="other", from_=Address("A.", "ANN@example.com"))
    assert identity.fingerprint(same) == identity.fingerprint(EMAIL)
    assert identity.fingerprint(replace(EMAIL, sent_at=None)) != identity.fingerprint(EMAIL)


@given(st.text("0123456789abcdef", min_size=2, max_size=identity.MAX_LENGTH))
def test_a_suffixed_id_fits_and_differs(known: str) -> None:
    made = identity.suffixed(CommentId(known), identity.fingerprint(EMAIL))
    assert len(made) <= identity.MAX_LENGTH
    assert made != known
    assert "/" not in made
