"""A new source on a bucket that has emails: its comments are made in the background, from what is kept."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from mailmine.model.email import Address, Email
from mailmine.model.ids import CommentId, MessageId
from mailmine.refine import Known, Refined, identity
from mailmine.store import buckets, comments, emails, fills, projects, sources
from mailmine.store.buckets import Bucket
from mailmine.store.comments import NewComment
from mailmine.store.database import Database
from mailmine.store.emails import NewEmail
from mailmine.store.sources import Source
from mailmine.sync import making
from mailmine.sync.filling import PIECE, Filling, begin_anew
from mailmine.sync.refinery import Here
from tests.contract.store_world import NOW, comment
from tests.integration.sync.test_runner import until

EMAILS = PIECE * 2 + 30


@pytest.fixture
def opened(database_url: str) -> Iterator[Database]:
    database = Database.open(database_url)
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def bucket(opened: Database) -> Bucket:
    with opened.write() as tx:
        project = projects.ensure(tx, "acme")
        bucket = buckets.ensure(tx, project.id, "mail")
        emails.put(tx, bucket.id, [new(number) for number in range(EMAILS)], at=NOW)
    return bucket


def new(number: int) -> NewEmail:
    email = Email(
        message_id=MessageId(f"<{number}@acme.example>"), subject="Order", text=f"Number {number}"
    )
    return NewEmail(
        comment_id=identity.of(email), fingerprint=identity.fingerprint(email), email=email
    )


def begin(database: Database, bucket: Bucket, name: str = "new") -> Source:
    with database.write() as tx:
        source = sources.ensure(tx, bucket.project_id, name, bucket_id=bucket.id)
        fills.begin(tx, source.id, bucket.id, at=NOW)
    return source


def count(database: Database, source: Source) -> int:
    with database.read() as tx:
        return comments.count(tx, source.id)


def progress(database: Database, source: Source) -> tuple[int, int] | None:
    with database.read() as tx:
        fill = fills.of_source(tx, source.id)
    return None if fill is None else (fill.done, fill.total)


async def test_it_goes_piece_by_piece_and_says_how_far_it_is(
    opened: Database, bucket: Bucket
) -> None:
    source = begin(opened, bucket)
    assert progress(opened, source) == (0, EMAILS)
    filling = Filling(opened, refinery=Here())
    seen = []
    while await filling.step():
        seen.append((count(opened, source), progress(opened, source)))
    assert seen == [
        (PIECE, (PIECE, EMAILS)),
        (2 * PIECE, (2 * PIECE, EMAILS)),
        (EMAILS, (EMAILS, EMAILS)),
        (EMAILS, None),
    ]
    with opened.read() as tx:
        first = comments.get(tx, source.id, new(0).comment_id)
    assert first is not None
    assert first.comment.messages[0].body == "Number 0"


async def test_two_sources_have_their_turns(opened: Database, bucket: Bucket) -> None:
    one, other = begin(opened, bucket), begin(opened, bucket, "other")
    await Filling(opened, refinery=Here()).step()
    assert (count(opened, one), count(opened, other)) == (PIECE, PIECE)


async def test_what_is_there_already_stays(opened: Database, bucket: Bucket) -> None:
    source = begin(opened, bucket)
    newer = comment("x", "A newer copy")
    with opened.write() as tx:
        said = comments.NewComment(
            comment=type(newer.comment)(
                id=new(0).comment_id, timestamp=NOW, messages=newer.comment.messages
            ),
            email_key=None,
            refined=1,
        )
        comments.put(tx, source.id, [said], at=NOW)
    filling = Filling(opened, refinery=Here())
    while await filling.step():
        pass
    with opened.read() as tx:
        kept = comments.get(tx, source.id, new(0).comment_id)
    assert kept is not None
    assert kept.comment.messages[0].body == "A newer copy"
    assert count(opened, source) == EMAILS


async def test_it_goes_on_where_another_process_stopped(opened: Database, bucket: Bucket) -> None:
    source = begin(opened, bucket)
    await Filling(opened, refinery=Here()).step()
    other = Filling(opened, refinery=Here())
    while await other.step():
        pass
    assert (count(opened, source), progress(opened, source)) == (EMAILS, None)


async def test_a_source_that_goes_meanwhile(opened: Database, bucket: Bucket) -> None:
    source = begin(opened, bucket)

    class Slow(Here):
        async def refine(
            self, emails: Sequence[Email], known: Sequence[Known] = ()
        ) -> list[Refined | None]:
            with opened.write() as tx:
                sources.remove(tx, source.id)
            return await super().refine(emails, known)

    filling = Filling(opened, refinery=Slow())
    await filling.step()
    assert not await filling.step()


async def test_a_source_that_is_put_on_another_bucket_meanwhile_is_filled_from_that(
    opened: Database, bucket: Bucket
) -> None:
    source = begin(opened, bucket)
    with opened.write() as tx:
        other = buckets.ensure(tx, bucket.project_id, "other")
        emails.put(tx, other.id, [new(EMAILS)], at=NOW)

    class Slow(Here):
        async def refine(
            self, emails: Sequence[Email], known: Sequence[Known] = ()
        ) -> list[Refined | None]:
            with opened.write() as tx:
                before = sources.by_id(tx, source.id)
                assert before is not None
                after = replace(before, bucket_id=other.id)
                making.change_source(tx, before, after, at=NOW + timedelta(seconds=1))
            return await super().refine(emails, known)

    await Filling(opened, refinery=Slow()).step()
    await all_of(Filling(opened, refinery=Here()))
    assert count(opened, source) == 1


def test_a_source_that_is_made_while_emails_are_being_stored_lacks_none_of_them(
    opened: Database, bucket: Bucket
) -> None:
    with opened.write() as tx:
        empty = buckets.ensure(tx, bucket.project_id, "empty")
    made = threading.Thread(target=begin, args=(opened, empty))
    with opened.write() as tx:
        emails.put(tx, empty.id, [new(0)], at=NOW)
        assert sources.of_bucket(tx, empty.id) == (), "nobody makes its comment"
        made.start()
        made.join(timeout=1)
    made.join()
    with opened.read() as tx:
        (source,) = sources.of_bucket(tx, empty.id)
    assert progress(opened, source) == (0, 1)


async def test_it_runs_beside_everything_else_until_it_is_told_to_stop(
    opened: Database, bucket: Bucket
) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(Filling(opened, refinery=Here(), look=0.01).run(stop))
    source = begin(opened, bucket)
    await until(lambda: progress(opened, source) is None)
    stop.set()
    await running
    assert count(opened, source) == EMAILS


async def test_two_processes_count_no_email_twice(opened: Database, bucket: Bucket) -> None:
    both = asyncio.Barrier(2)

    class Together(Here):
        async def refine(
            self, emails: Sequence[Email], known: Sequence[Known] = ()
        ) -> list[Refined | None]:
            await both.wait()
            return await super().refine(emails, known)

    source = begin(opened, bucket)
    fillings = [Filling(opened, refinery=Together()) for _ in range(2)]
    for piece in (1, 2):
        await asyncio.gather(*(filling.step() for filling in fillings))
        assert progress(opened, source) == (piece * PIECE, EMAILS)
        assert count(opened, source) == piece * PIECE
    for filling in fillings:
        filling.close()


async def all_of(filling: Filling) -> None:
    while await filling.step():
        pass


def body(database: Database, source: Source, name: CommentId) -> tuple[str, datetime]:
    with database.read() as tx:
        stored = comments.get(tx, source.id, name)
    assert stored is not None
    return stored.comment.messages[0].body, stored.updated_at


async def test_anew_only_those_comments_change_whose_words_do(
    opened: Database, bucket: Bucket
) -> None:
    source = begin(opened, bucket)
    filling = Filling(opened, refinery=Here())
    await all_of(filling)
    stale, fine = new(3).comment_id, new(4).comment_id
    with opened.write() as tx:
        kept = comments.get(tx, source.id, stale)
        assert kept is not None
        message = replace(kept.comment.messages[0], body="As an older version refined it")
        old = NewComment(
            comment=replace(kept.comment, messages=(message,)), email_key=kept.email_key, refined=1
        )
        comments.put(tx, source.id, [old], at=NOW)
    before = body(opened, source, fine)
    assert filling.updated == 0
    with opened.write() as tx:
        assert begin_anew(tx, bucket.id, at=NOW) == 1
    assert progress(opened, source) == (0, EMAILS)
    await all_of(filling)
    assert filling.updated == 1
    assert body(opened, source, stale)[0] == "Number 3"
    assert body(opened, source, fine) == before
    assert count(opened, source) == EMAILS


LETTERS = {
    "a": "Halle 3 steht.\n\nPetra\nEinkauf bei Muster",
    "b": "Was kostet sie?\n\nPetra\nEinkauf bei Muster",
    "c": "Danke!\n\nPetra\nEinkauf bei Muster",
}


async def test_what_emails_have_in_common_is_known_when_they_are_refined_anew(
    opened: Database, bucket: Bucket
) -> None:
    with opened.write() as tx:
        bucket = buckets.ensure(tx, bucket.project_id, "letters")
        for name, text in LETTERS.items():
            emails.put(tx, bucket.id, [letter(name, text)], at=NOW)
    source = begin(opened, bucket)
    alone = Filling(opened, refinery=Here(), learns=False)
    await all_of(alone)
    words = {name: body(opened, source, letter(name, "").comment_id)[0] for name in LETTERS}
    assert words == LETTERS
    learning = Filling(opened, refinery=Here())
    for updated in (0, 3, 3):  # learned; by what was learned; nothing more to learn
        with opened.write() as tx:
            begin_anew(tx, bucket.id, at=NOW)
        await all_of(learning)
        assert learning.updated == updated
    words = {name: body(opened, source, letter(name, "").comment_id)[0] for name in LETTERS}
    assert words == {name: text.split("\n")[0] for name, text in LETTERS.items()}


async def test_lines_of_the_email_that_is_answered_are_known(
    opened: Database, bucket: Bucket
) -> None:
    asked = "Haben Sie noch Dichtungen?\nWir brauchen sie am Montag in Halle drei."
    with opened.write() as tx:
        bucket = buckets.ensure(tx, bucket.project_id, "letters")
        emails.put(tx, bucket.id, [letter("asked", asked)], at=NOW)
    source = begin(opened, bucket)
    filling = Filling(opened, refinery=Here())
    await all_of(filling)
    answer = letter("answer", f"Ja, zwanzig.\n\n{asked}", to="asked")
    with opened.write() as tx:
        emails.put(tx, bucket.id, [answer], at=NOW)
        begin_anew(tx, bucket.id, at=NOW)
    await all_of(filling)
    assert body(opened, source, answer.comment_id)[0] == "Ja, zwanzig."
    assert body(opened, source, letter("asked", "").comment_id)[0] == asked


def letter(name: str, text: str, *, to: str = "") -> NewEmail:
    email = Email(
        message_id=MessageId(f"<{name}@acme.example>"),
        subject="Pumpe",
        from_=Address("", "p.s@acme.example"),
        in_reply_to=MessageId(f"<{to}@acme.example>") if to else None,
        text=text,
    )
    return NewEmail(
        comment_id=identity.of(email), fingerprint=identity.fingerprint(email), email=email
    )
