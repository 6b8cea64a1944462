"""Conversations stay together in whatever order their emails arrive, and in whatever batches."""

from collections.abc import Iterator, Sequence
from itertools import count, permutations
from random import Random

import pytest
from sqlalchemy import Connection

from mailmine.model.email import Email, Metadata
from mailmine.model.ids import MessageId, SourceId
from mailmine.refine import comment, identity, refine
from mailmine.store import comments, projects, sources
from mailmine.store.comments import NewComment
from mailmine.store.database import Database
from mailmine.sync import conversations
from tests.contract.store_world import MINUTE, NOW

names = count()


@pytest.fixture
def tx(database_url: str) -> Iterator[Connection]:
    database = Database.open(database_url)
    database.migrate()
    with database.write() as opened:
        yield opened
    database.close()


def made(
    name: str, *above: str, exchange: str | None = None, at: int = 0, subject: str = ""
) -> NewComment:
    """Make the comment of an email that answers the last of `above`; one alone is no References."""
    ids = tuple(MessageId(f"<{one}@x>") for one in above)
    email = Email(
        message_id=MessageId(f"<{name}@x>"),
        in_reply_to=ids[-1] if ids else None,
        references=ids if len(ids) > 1 else (),
        sent_at=NOW + at * MINUTE,
        subject=subject,
    )
    words = refine(email)
    metadata = Metadata(conversation_id=exchange)
    shown = comment.make(email, words, metadata, mailbox="", comment_id=identity.of(email))
    return NewComment(comment=shown, email_key=None, refined=words.version)


def arrive(tx: Connection, *batches: Sequence[NewComment]) -> dict[str, str]:
    """Let emails arrive at a new source; tell which email each conversation is shown to begin with."""
    project = projects.ensure(tx, "acme")
    source: SourceId = sources.ensure(tx, project.id, f"source-{next(names)}").id
    for batch in batches:
        conversations.put(tx, source, batch, at=NOW)
    found = comments.page(
        tx, source, newest_first=False, after=None, limit=500, since=None, until=None
    )
    shown = [one.comment for one in found]
    for one in shown:
        first = identity.message_id(one.thread_id or "")
        assert one.user_properties["string:Thread"] == first
    return {
        (identity.message_id(one.id) or "").strip("<>").removesuffix("@x"): (
            (identity.message_id(one.thread_id or "") or "").strip("<>").removesuffix("@x")
        )
        for one in shown
    }


def test_clients_that_name_only_what_they_answer(tx: Connection) -> None:
    emails = [made("a"), made("b", "a"), made("c", "b"), made("d", "c")]
    for order in permutations(emails):
        assert set(arrive(tx, *([one] for one in order)).values()) == {"a"}
    assert set(arrive(tx, emails[::-1]).values()) == {"a"}


def test_a_parent_that_arrives_late(tx: Connection) -> None:
    late, others = made("b", "a"), [made("c", "b"), made("d", "b", "c"), made("x")]
    assert arrive(tx, others) == {"c": "b", "d": "b", "x": "x"}
    assert arrive(tx, others, [late]) == {"b": "a", "c": "a", "d": "a", "x": "x"}


def test_emails_that_answer_each_other(tx: Connection) -> None:
    for order in permutations([made("a", "c"), made("b", "a"), made("c", "b"), made("d", "c")]):
        assert len(set(arrive(tx, *([one] for one in order)).values())) == 1


def test_what_arrives_again_changes_nothing(tx: Connection) -> None:
    emails = [made("c", "b"), made("b", "a"), made("a", "z")]
    assert arrive(tx, emails, emails, [emails[0]], emails[::-1]) == dict.fromkeys("abc", "z")


def test_any_order_gives_the_same(tx: Connection) -> None:
    chance = Random(7)  # noqa: S311 - nothing is kept secret by it
    for _ in range(15):
        # Some answer what never arrives.
        emails = [
            made(
                str(number),
                *map(str, chance.sample([*range(number), 98, 99], chance.randint(0, 2))),
            )
            for number in range(10)
        ]
        once = arrive(tx, emails)
        for _ in range(4):
            chance.shuffle(emails)
            cut = chance.randrange(10)
            assert arrive(tx, emails[:cut], *([one] for one in emails[cut:])) == once


def orders(tx: Connection, *emails: NewComment) -> list[dict[str, str]]:
    """Let emails arrive in all orders, one by one and at once."""
    found = []
    for order in permutations(emails):
        found += [arrive(tx, *([one] for one in order)), arrive(tx, order[:2], order[2:])]
    return found


def test_answers_without_headers_come_to_what_they_answer_by_the_name_that_exchange_gives(
    tx: Connection,
) -> None:
    asked = made("a", exchange="c", at=0, subject="Offer")
    # As Graph gives what lies in Sent Items.
    said = made("b", exchange="c", at=1, subject="AW: Offer")
    other = made("c", "a", exchange="c", at=2, subject="Re: Offer")
    again = made("d", exchange="c", at=3, subject="AW: AW: Offer")
    stranger = made("x", exchange="d", at=1, subject="Re: Offer")
    for found in orders(tx, asked, said, other, again, stranger):
        assert found == dict.fromkeys("abcd", "a") | {"x": "x"}


def test_answers_to_an_email_that_never_came_are_together(tx: Connection) -> None:
    emails = (
        made("b", "a", exchange="c", at=1, subject="Re: Offer"),
        made("c", "a", "b", "b2", exchange="c", at=2, subject="Re: Offer"),
        made("d", "e", exchange="c", at=3, subject="Re: Offer"),
        made("f", exchange="c", at=4, subject="Re: Offer"),
    )
    for found in orders(tx, *emails):
        assert found == dict.fromkeys("bcdf", "a")


def test_emails_that_begin_a_conversation_stay_apart_under_one_name(tx: Connection) -> None:
    emails = [made(name, exchange="c", at=at, subject="News") for at, name in enumerate("abc")]
    answer = made("d", "b", exchange="c", at=9, subject="Re: News")
    for found in orders(tx, *emails, answer):
        # The answer may have come before what it answers.
        assert found.pop("d") in found
        assert found == {"a": "a", "b": "b", "c": "c"}


def test_an_email_that_is_read_again_stays_where_it_is(tx: Connection) -> None:
    emails = [
        made("b", exchange="c", at=1, subject="Re: Offer"),
        made("a", exchange="c", at=0, subject="Offer"),
        made("c", "x", exchange="c", at=2, subject="Re: Offer"),
        made("x", exchange="c", at=3, subject="Offer"),
    ]
    found = arrive(tx, *([one] for one in [*emails, *emails]))
    assert arrive(tx, *([one] for one in [*emails, *emails, *emails, *emails[::-1]])) == found


def test_any_order_gives_the_same_conversations_with_what_exchange_tells(tx: Connection) -> None:
    chance = Random(8)  # noqa: S311 - nothing is kept secret by it
    for _ in range(15):
        emails = [
            made(
                str(number),
                *map(str, chance.sample([*range(number), 98, 99], chance.randint(0, 2))),
                exchange=chance.choice(["c", "d", None]),
                at=number,
                subject="Re: x",
            )
            for number in range(10)
        ]
        once = together(arrive(tx, emails))
        for _ in range(4):
            chance.shuffle(emails)
            cut = chance.randrange(10)
            assert together(arrive(tx, emails[:cut], *([one] for one in emails[cut:]))) == once


def together(found: dict[str, str]) -> set[frozenset[str]]:
    return {frozenset(own for own in found if found[own] == top) for top in found.values()}
