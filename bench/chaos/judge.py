"""Says what is not as it should be."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import pairwise
from typing import Any, Final

import orjson
from sqlalchemy import select

from bench.chaos.people import Email, People, message_id
from bench.chaos.told import Operators
from bench.chaos.world import PROJECT, TOWNS, Town, World
from mailmine.exchange import Limits
from mailmine.model.comment import Comment
from mailmine.model.comment_filter import CommentFilter
from mailmine.model.ids import SourceId
from mailmine.model.integration import DisabledReason
from mailmine.store import (
    batches,
    comments,
    datasets,
    failures,
    integrations,
    mailboxes,
    schema,
    sources,
    streams,
)
from mailmine.store.streams import Updates

TOGETHER: Final = timedelta(seconds=20)
MOST_IN_FLIGHT: Final = Limits().in_flight + 1
"""And the one that hangs, for hints."""
MOST_SIGN_INS: Final = 2
"""With one wrong password (exchange.md, part C, row 1)."""
ALL: Final = 1_000_000


def folder_of(comment: Comment) -> str:
    """Tell in which folder an email is shown."""
    return str(comment.user_properties["string:Folder"])


class Judge:
    """Looks at the store, the server and what people were told."""

    def __init__(self, world: World, people: People, operators: Operators) -> None:
        self._world = world
        self._people = people
        self._operators = operators
        self._shown: dict[str, set[str]] = {}
        self._before: dict[str, dict[str, str]] = {}
        """By the name of a town that was switched: the comment of each Message-ID before."""
        self._read: dict[Updates, dict[str, list[Any]]] = {each: {} for each in Updates}

    # -- while it runs

    def look(self) -> Iterator[str]:
        """Say what is wrong now, whatever is going on."""
        yield from self._operators.inbox.wrong
        for (account, age), moments in self._world.exchange.refused.items():
            # Those that were under way when the password changed say nothing of whether we heed a refusal.
            later = [at for at in moments if at - moments[0] > TOGETHER]
            first = len(moments) - len(later)
            # Who is killed while a refusal is being written has not heard of it.
            unheard = sum(
                any(timedelta() <= kill - at < TOGETHER for at in moments)
                for kill in self._world.kills
            )
            if first > MOST_IN_FLIGHT or len(later) > MOST_SIGN_INS - 1 + unheard:
                times = ", ".join(f"{at:%d %H:%M:%S}" for at in moments)
                yield f"{account} signed in with one wrong password ({age}) at {times}"
        with self._world.database.read() as tx:
            for integration in integrations.list_all(tx):
                if not integration.enabled and (
                    integration.trouble is None
                    or integration.disabled_reason is not DisabledReason.SYNC_ERROR
                ):
                    yield f"{integration.name} is off for no reason"
            for box in mailboxes.list_all(tx):
                if not box.enabled and (
                    box.trouble is None or box.disabled_reason is not DisabledReason.SYNC_ERROR
                ):
                    yield f"{box.address} is off for no reason"
        for name, source_id in self._world.sources().items():
            shown = self._ids(source_id)
            if gone := self._shown.get(name, set()) - shown:
                yield f"comments of {name} are gone: {sorted(gone)}"
            self._shown[name] = shown

    def remember(self, town: Town) -> None:
        """Note which comments there are, before the town is read another way."""
        self._before[town.name] = {
            _message_id(one): one.id for one in self._page(self._world.sources()[town.name])
        }

    def read_on(self, updates: Updates, size: int, *, is_kept: bool) -> None:
        """Read a stream on, as a client does; one that dies before it says that it is done reads the same again."""
        with self._world.database.read() as tx:
            dataset = datasets.get(tx, PROJECT, "all")
            assert dataset is not None
            stream = streams.get(tx, dataset.id, updates.value)
            assert stream is not None
            found = batches.fetch(
                tx, stream, dataset.source_ids, CommentFilter(), size=size, max_filtered=1
            )
        if not is_kept or not found.results:
            return
        with self._world.database.write() as tx:
            streams.advance(tx, stream.id, found.position)
        for result in found.results:
            comment = orjson.loads(result.json)
            self._read[updates].setdefault(comment["uid"], []).append(comment["messages"])

    # -- when all is over

    def at_the_end(self, *, is_final: bool) -> Iterator[str]:
        """Say what is wrong though everything was mended and done; finally also nothing may be left that failed."""
        yield from self._states(is_final=is_final)
        for town in TOWNS:
            yield from self._comments(town, is_final=is_final)
        yield from self._later_sources()
        yield from self._notices()
        yield from self._streams()

    def failed(self) -> Counter[str]:
        """Count the items of each town that could not be read, or not wholly."""
        found: Counter[str] = Counter()
        with self._world.database.read() as tx:
            for town in TOWNS:
                for box in mailboxes.of_integration(tx, self._world.integration(town).id):
                    found[town.name] += len(failures.of_mailbox(tx, box.id, ALL))
        return found

    def unsettled(self) -> list[str]:
        """Say what is not yet as it will be."""
        now = self._world.clock.time()
        with self._world.database.read() as tx:
            boxes, known = mailboxes.list_all(tx), integrations.list_all(tx)
            found = [one.name for one in known if not one.enabled or one.trouble]
            found += [one.address for one in boxes if not one.enabled or one.trouble]
            for box in boxes:
                waiting = [
                    one
                    for one in failures.of_mailbox(tx, box.id, ALL)
                    if one.next_try_at is not None
                ]
                if waiting or (box.next_due_at - now).total_seconds() > ALL:
                    found.append(f"{box.address} tries {len(waiting)} again")
        names = [name for town in TOWNS for name in (town.name, *town.mailboxes)]
        return found + [
            f"{name} not told" for name in names if not self._operators.is_settled(name)
        ]

    def _ids(self, source_id: SourceId) -> set[str]:
        with self._world.database.read() as tx:
            mine = schema.comments.c.source_id == source_id
            found = tx.execute(select(schema.comments.c.comment_id).where(mine)).scalars().all()
        assert len(found) == len(set(found))
        return set(found)

    def _states(self, *, is_final: bool) -> Iterator[str]:
        with self._world.database.read() as tx:
            states = [(one.name, one.enabled, one.trouble) for one in integrations.list_all(tx)]
            states += [(one.address, one.enabled, one.trouble) for one in mailboxes.list_all(tx)]
            for name, is_on, trouble in states:
                if not is_on or trouble is not None:
                    yield f"{name} is still {'troubled' if is_on else 'off'}: {trouble}"
            for kind in (schema.strikes, schema.warnings, schema.rechecks):
                if left := tx.execute(select(kind)).all():
                    yield f"{kind.name} are left: {left}"
        failed = self.failed()
        if is_final and failed.total():
            yield f"items are still failed: {dict(failed)}"

    def _comments(self, town: Town, *, is_final: bool) -> Iterator[str]:
        shown: dict[str, Comment] = {}
        for comment in self._page(self._world.sources()[town.name]):
            message_id = _message_id(comment)
            if message_id in shown:
                yield f"{message_id} is doubled"
            shown[message_id] = comment
            if message_id not in self._people.emails:
                yield f"{message_id} was never delivered"
        for message_id, comment_id in self._before.get(town.name, {}).items():
            if message_id not in shown:
                yield f"{message_id} was lost by the switch"
            elif shown[message_id].id != comment_id:
                yield f"{message_id} has another comment since the switch"
        yield from self._lying(town, shown, is_final=is_final)
        for message_id, email in self._people.emails.items():
            # What failed is tried again before the end.
            if is_final and message_id in shown and email.copies:
                yield from self._content(email, shown[message_id])

    def _lying(self, town: Town, shown: Mapping[str, Comment], *, is_final: bool) -> Iterator[str]:
        """Compare with what lies in the mailboxes: each that failed may be missing, or be shown where it was before."""
        lying = {
            id_: one for id_, one in self._people.emails.items() if one.town is town and one.copies
        }
        missing = lying.keys() - shown.keys()
        elsewhere = [
            f"{id_} is shown in {folder_of(shown[id_])}, and lies in {one.shown()}"
            for id_, one in lying.items()
            if id_ in shown and folder_of(shown[id_]) not in one.shown()
        ]
        failed = 0 if is_final else self.failed()[town.name]
        if len(missing) + len(elsewhere) > failed:
            if missing:
                yield f"emails of {town.name} are missing ({failed} failed): {sorted(missing)}"
            yield from elsewhere

    def _content(self, email: Email, comment: Comment) -> Iterator[str]:
        kept = [one for one in comment.attachments if one.attachment_reference]
        wanted = 1 if email.has_attachment else 0
        if len(comment.attachments) != wanted:
            yield f"{email.message_id} has {len(comment.attachments)} attachments, not {wanted}"
        elif len(kept) != (wanted if email.town.sync_attachments else 0):
            yield f"{email.message_id} has {len(kept)} attachments kept"
        if f"Please send {email.number} chairs." not in comment.messages[0].body:
            yield f"{email.message_id} has not its body"

    def _page(self, source_id: SourceId) -> list[Comment]:
        with self._world.database.read() as tx:
            found = comments.page(
                tx, source_id, newest_first=False, after=None, limit=ALL, since=None, until=None
            )
            return [one.comment for one in found]

    def _later_sources(self) -> Iterator[str]:
        with self._world.database.read() as tx:
            known = sources.list_all(tx)
        first = {one.bucket_id: one for one in known if one.name in {town.name for town in TOWNS}}
        for one in known:
            here, there = self._ids(one.id), self._ids(first[one.bucket_id].id)
            if here != there:
                yield f"{one.name} has not the same: {sorted(here ^ there)}"

    def _notices(self) -> Iterator[str]:
        told, resolved = self._operators.told()
        disabled, enabled = self._operators.disabled, self._operators.enabled
        for subject in disabled | told | resolved | enabled:
            counts = [each[subject] for each in (disabled, told, enabled, resolved)]
            if len(set(counts)) != 1:
                yield f"{subject} stopped, told, went on, resolved so often: {counts}"

    def _streams(self) -> Iterator[str]:
        wanted = {f"{id_}.{one}" for id_ in self._first_sources() for one in self._ids(id_)}
        for updates, read in self._read.items():
            if read.keys() != wanted:
                yield f"the stream {updates} differs: {sorted(read.keys() ^ wanted)}"
            for uid, versions in read.items():
                if updates is Updates.NEVER and len(versions) > 1:
                    yield f"the stream {updates} gave {uid} {len(versions)} times"
                if any(one == next_ for one, next_ in pairwise(versions)):
                    yield f"the stream {updates} gave {uid} twice with the same text"

    def _first_sources(self) -> list[SourceId]:
        known = self._world.sources()
        return [known[town.name] for town in TOWNS]


def _message_id(comment: Comment) -> str:
    """Tell by its subject which email it is: not all have a Message-ID."""
    subject = comment.messages[0].subject or ""
    return message_id(int(subject.rpartition(" ")[2]))
