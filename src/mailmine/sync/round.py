"""One round of one mailbox: what changed since the last one is read, refined and stored.

    folders      one request tells which folders there are and which changed; where all is as it was, that is all
    fresh lane   new mail of folders whose history is still being read, all changes of those that were up to date
    history      of the others: as much as the slice of time allows, with a look at the fresh lane every two seconds
    chores       what a rename, a lost place or a deleted folder left to do; contents of attachments

A page is stored while the next is being read. Its emails and the place after it are written in one
transaction that first makes sure the mailbox is still ours; so a crash at any moment repeats a page at most.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import Connection as Transaction

from mailmine import metrics
from mailmine.exchange.faults import Code, Fault
from mailmine.exchange.reader import (
    Change,
    ChangePage,
    CursorLost,
    Fetched,
    Folder,
    FolderTree,
    Item,
    Reader,
)
from mailmine.model.ids import Cursor, FolderId, FolderKey, ItemId
from mailmine.model.integration import Backend, FolderStatus, Mailbox, Trouble
from mailmine.store import copies, failures, folders, rechecks
from mailmine.store.blobs import Blobs
from mailmine.store.failures import Failure
from mailmine.store.folders import FolderState, SeenFolder
from mailmine.store.leases import Lease, Rest
from mailmine.sync import decide, filters, policy, recognition, rest, versions
from mailmine.sync.attachments import Contents
from mailmine.sync.chores import Chores
from mailmine.sync.desk import Desk
from mailmine.sync.hints import Hints
from mailmine.sync.intake import Taken
from mailmine.sync.learning import Remembering
from mailmine.sync.outcomes import Outcomes
from mailmine.sync.recognition import Ids
from mailmine.sync.refinery import Here, Refinery
from mailmine.sync.sealed import OpeningReader
from mailmine.sync.settings import SyncSettings
from mailmine.sync.storing import Chunk, Place, Storing

log = structlog.get_logger(__name__)

OVERLAP = timedelta(minutes=2)
"""The fresh lane looks back a little before the first load began: clocks differ."""
SETTLED = timedelta(seconds=2)
"""A hint counts whole seconds: only a reading this long after it was first seen has all that it stands for."""
LONG_AGO = timedelta(hours=1)
"""Or one whose second is over for so long that no clock is as wrong."""
PIECE = 20
"""Items that are refined at a time."""
RETRIED = 20
"""Items that failed earlier and are asked for again in one round."""


def utc_now() -> datetime:
    """Tell the time."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Memory:
    """What is worth knowing from one round of a mailbox to the next. Forgotten, it costs a few requests."""

    begun_at: datetime | None = None
    """When the first of these rounds had seen the folders."""
    tree: FolderTree | None = None
    """The folders as they were seen last; a reader gives the same tree again where nothing changed."""
    looks: str | None = None
    """How that tree looks (sync.rest)."""
    hints: dict[FolderId, tuple[str | None, datetime]] = field(default_factory=dict)
    """The hint of each folder, and when it was first seen."""
    looked_at: dict[FolderId, str | None] = field(default_factory=dict)
    """Folders whose newest mail was taken in, and their hint then."""
    left_out_until: dict[FolderId, datetime] = field(default_factory=dict)
    """Folders that cannot be read, and when to ask again."""
    version: versions.Found | None = None
    """The version of EWS that the mailbox's server takes, once it was looked up."""
    trust: Hints = field(default_factory=Hints)
    """What hints are worth; all mailboxes of the integration share it."""
    outcomes: Outcomes = field(default_factory=Outcomes)
    """How its last emails fared; where too many failed, a round ends early."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a round went that reached its end."""

    taken: Taken
    is_unfinished: bool
    """There is more to read or to do now."""
    rest: Rest | None
    """How the mailbox looks, where there is nothing to do."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the store knows when a round begins."""

    states: tuple[FolderState, ...]
    failed: tuple[Failure, ...]
    chores: frozenset[tuple[FolderKey, rechecks.Kind]]
    ids: Ids | None
    early: frozenset[FolderKey]


def _is_long_ago(folder: Folder, now: datetime) -> bool:
    return folder.changed_at is not None and now - folder.changed_at >= LONG_AGO


def _is_loading(state: FolderState) -> bool:
    return state.status is not FolderStatus.UP_TO_DATE


class Round:
    """One round. To be run once."""

    def __init__(
        self,
        mailbox: Mailbox,
        lease: Lease,
        *,
        desk: Desk,
        blobs: Blobs,
        reader: Reader,
        backend: Backend,
        settings: SyncSettings,
        refinery: Refinery | None = None,
        memory: Memory | None = None,
        is_stopping: Callable[[], bool] = lambda: False,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        reader = OpeningReader(reader)
        self._mailbox = mailbox
        self._lease = lease
        self._desk = desk
        self._reader = reader
        self._backend = backend
        self._settings = settings
        self._refinery = refinery or Here()
        if settings.learns:
            self._refinery = Remembering(self._refinery, mailbox.bucket_id, read=desk.read)
        self._memory = memory or Memory()
        self._now = now
        self._is_stopping = is_stopping
        self._until = time.monotonic() + settings.slice.total_seconds()
        self._hints: dict[FolderId, str | None] = {}
        self._named: set[FolderId] = set()
        """Folders whose hints are others than the last time."""
        self._searches: frozenset[FolderId] = frozenset()
        self._states: dict[FolderId, FolderState] = {}
        self._early: frozenset[FolderKey] = frozenset()
        self._storing = Storing(mailbox, lease, desk=desk, outcomes=self._memory.outcomes, now=now)
        self._unfinished = False
        self._rest: Rest | None = None
        self._has_chores = False
        self._is_recognising = False
        self._looked_at = float("-inf")
        self._rereading: set[FolderKey] = set()
        self._read_keys: set[FolderKey] = set()
        self._contents = Contents(
            mailbox, reader=reader, blobs=blobs, read=desk.read, write=self._storing.write, now=now
        )

    @property
    def taken(self) -> Taken:
        """What was written up to now."""
        return self._storing.taken

    @property
    def folders(self) -> int:
        """How many folders were read up to now."""
        return len(self._read_keys)

    async def run(self) -> Outcome:
        """Bring the mailbox up to date, or as near to it as the slice of time allows.

        Raises ExchangeError where the mailbox or the connection is at fault, LeaseLost where another
        worker has taken over, DatabaseUnavailable.
        """
        try:
            await self._run()
            await self._storing.stored()
        finally:
            await self._storing.settle()
        return Outcome(taken=self._storing.taken, is_unfinished=self._unfinished, rest=self._rest)

    async def _run(self) -> None:
        tree = await self._see()
        before = self._lease.rest
        if before is not None and self._now() < before.until and before.tree == self._looks:
            self._rest = before
            return
        known, present = await self._look(tree)
        await self._retry(known.failed, known.states)
        await self._take_in_new(present)
        await self._read_history([state for state in present if _is_loading(state)])
        await self._storing.stored()
        if self._is_recognising:
            self._is_recognising = not await self._storing.write(self._end_recognition)
        if known.chores or self._has_chores:
            chores = Chores(
                self._mailbox,
                reader=self._reader,
                storing=self._storing,
                now=self._now,
                bring=self._bring_back,
                is_recognising=self._is_recognising,
            )
            self._unfinished |= await chores.do(self._is_over)
        if self._mailbox.sync_attachments:
            self._unfinished |= await self._contents.fetch(
                self._settings.attachments, self._is_over
            )
        await self._come_to_rest(known, present)

    async def _come_to_rest(self, known: _Known, present: Sequence[FolderState]) -> None:
        """See whether there was nothing to do, and will be nothing as long as the folders look like this."""
        looks = self._looks
        was_idle = not (
            self._read_keys
            or self._unfinished
            or self._is_recognising
            or self._has_chores
            or known.chores
            or known.failed
        )
        if (
            looks is None
            or not was_idle
            or not all(rest.is_read(state, self._hints[state.folder_id]) for state in present)
        ):
            return
        passes = [
            state.last_synced_at + self._left_alone(is_empty=not state.total)
            for state in present
            if state.last_synced_at is not None
        ]
        first = min(passes, default=self._now() + self._left_alone(is_empty=True))
        until = await self._desk.read(
            partial(rest.until, mailbox_id=self._mailbox.id, full_pass_at=first)
        )
        self._rest = Rest(tree=looks, until=until)

    @property
    def _looks(self) -> str | None:
        # Search folders are asked for as well: the tree is not all that one would have to see.
        if filters.wants_search_folders(self._mailbox.filters):
            return None
        return self._memory.looks

    async def _see(self) -> FolderTree:
        """Ask which folders there are."""
        self._looked_at = time.monotonic()
        tree = await self._with_searches(await self._reader.folders())
        if tree is not self._memory.tree:
            self._note(tree)
        return tree

    def _note(self, tree: FolderTree) -> None:
        """Note how the folders look, and which changed."""
        now = self._now()
        for folder in tree.folders:
            before = self._memory.hints.get(folder.id)
            if before is None or before[0] != folder.last_change:
                seen_at = now - SETTLED if _is_long_ago(folder, now) else now
                self._memory.hints[folder.id] = (folder.last_change, seen_at)
                if before is not None:
                    self._named.add(folder.id)
        self._memory.begun_at = self._memory.begun_at or now
        self._memory.tree, self._memory.looks = tree, rest.looks(tree, self._backend)

    async def _look(self, tree: FolderTree) -> tuple[_Known, list[FolderState]]:
        """Give what is known of the folders, and those to be read."""
        self._hints = {folder.id: folder.last_change for folder in tree.folders}
        known = await self._meet(tree)
        self._states = {state.folder_id: state for state in known.states}
        self._early = known.early
        self._is_recognising = known.ids is not None and known.ids.is_recognising
        self._rereading = {key for key, kind in known.chores if kind is rechecks.Kind.UNSEEN}
        present = [
            state
            for state in known.states
            if state.folder_id in self._hints
            and filters.is_folder_wanted(state.path, self._mailbox.filters)
        ]
        return known, present

    async def _with_searches(self, tree: FolderTree) -> FolderTree:
        """Add the search folders that a person named; they hold nothing of their own."""
        if not filters.wants_search_folders(self._mailbox.filters):
            return tree
        wanted: list[Folder] = [
            replace(folder, total=0)
            for folder in await self._reader.search_folders()
            if filters.is_folder_wanted(folder.path, self._mailbox.filters)
        ]
        self._searches = frozenset(folder.id for folder in wanted)
        return replace(tree, folders=(*tree.folders, *wanted))

    async def _take_in_new(self, present: Sequence[FolderState]) -> None:
        """Take in what arrived: the newest of folders whose history is being read, all changes of the others."""
        for state in present:
            if _is_loading(state) and state.folder_id not in self._searches:
                await self._look_for_new(state)
        for state in present:
            if not _is_loading(state) and self._is_to_be_read(state):
                await self._read(state)

    async def _read_history(self, loading: Sequence[FolderState]) -> None:
        """Go on with folders that were not read to their end, the inbox first; one page at least."""
        to_read = [state for state in loading if not self._is_left_out(state)]
        for number, state in enumerate(sorted(to_read, key=lambda one: one.well_known != "inbox")):
            if number and self._is_over():
                self._unfinished = True
                return
            await self._read(state, is_history=True)

    async def _interrupt_history(self, state: FolderState) -> FolderState | None:
        """Between two pages of history, from time to time, take in what arrived meanwhile.

        Gives the folder as it is now, for it may have another name; None where it is gone or not wanted any more.
        """
        if time.monotonic() - self._looked_at < self._settings.fresh_interval.total_seconds():
            return state
        await self._storing.stored()
        _, present = await self._look(await self._see())
        await self._take_in_new(present)
        return next((one for one in present if one.key == state.key), None)

    # -- which folders

    async def _meet(self, tree: FolderTree) -> _Known:
        """Compare the folders with those known; write what is different, and what follows from it."""
        known = await self._desk.read(self._look_up)
        if known.ids is not None and known.ids.backend is not self._backend:
            log.info("read another way", before=known.ids.backend)
            known = await self._storing.write(self._begin_recognition)
        seen = [
            SeenFolder(
                folder_id=folder.id,
                path=folder.path,
                total=folder.total,
                well_known=folder.well_known,
            )
            for folder in tree.folders
        ]
        before = {state.folder_id: state for state in known.states}
        is_same = all(
            (state := before.get(folder.folder_id)) is not None
            and not state.is_gone
            and (state.path, state.total, state.well_known)
            == (folder.path, folder.total, folder.well_known)
            for folder in seen
        )
        missing = {state.folder_id for state in known.states if not state.is_gone} - {
            folder.folder_id for folder in seen
        }
        if is_same and not (missing and tree.is_complete):
            return known

        def save(tx: Transaction) -> _Known:
            folders.save_tree(tx, self._mailbox.id, seen, is_complete=tree.is_complete)
            for state in folders.of_mailbox(tx, self._mailbox.id, with_gone=True):
                earlier = before.get(state.folder_id)
                if earlier is None:
                    continue
                if state.is_gone and not earlier.is_gone:
                    rechecks.begin(tx, state.key, rechecks.Kind.UNSEEN)
                    folders.forget_place(tx, state.key)
                    log.info("folder gone", folder=state.path)
                elif state.path != earlier.path:
                    rechecks.begin(tx, state.key, rechecks.Kind.PLACE)
                    log.info("folder renamed", folder=state.path, before=earlier.path)
            return self._look_up(tx)

        return await self._storing.write(save)

    def _look_up(self, tx: Transaction) -> _Known:
        states = folders.of_mailbox(tx, self._mailbox.id, with_gone=True)
        is_begun = all(state.cursor is not None for state in states)
        return _Known(
            states,
            failures.due(tx, self._mailbox.id, self._now(), limit=RETRIED),
            rechecks.pending(tx, self._mailbox.id),
            recognition.ids_of(tx, self._mailbox.id),
            frozenset() if is_begun else folders.early(tx, self._mailbox.id),
        )

    def _begin_recognition(self, tx: Transaction) -> _Known:
        recognition.begin(tx, self._mailbox, self._backend)
        return self._look_up(tx)

    def _end_recognition(self, tx: Transaction) -> bool:
        """End it if all folders that can be read were, to their end; tells whether it did."""
        for state in folders.of_mailbox(tx, self._mailbox.id):
            if (
                _is_loading(state)
                and state.folder_id in self._hints
                and filters.is_folder_wanted(state.path, self._mailbox.filters)
                and not self._is_left_out(state)
            ):
                return False
        recognition.end(tx, self._mailbox, self._backend)
        log.info("all recognised")
        return True

    def _is_to_be_read(self, state: FolderState) -> bool:
        if self._is_left_out(state):
            return False
        hint = self._hints[state.folder_id]
        if hint is None or hint != state.last_change or state.last_synced_at is None:
            return True
        left_alone = self._left_alone(is_empty=not state.total)
        return self._now() - state.last_synced_at >= left_alone

    def _left_alone(self, *, is_empty: bool) -> timedelta:
        """Say for how long a folder is that its hint does not name."""
        interval = self._settings.full_pass_interval
        return self._memory.trust.full_pass(interval, is_empty=is_empty)

    def _is_left_out(self, state: FolderState) -> bool:
        until = self._memory.left_out_until.get(state.folder_id)
        return until is not None and self._now() < until

    def _is_over(self) -> bool:
        return (
            self._is_stopping() or self._memory.outcomes.is_bad or time.monotonic() >= self._until
        )

    # -- reading

    async def _read(self, folder: FolderState, *, is_history: bool = False) -> None:
        """Read the changes of a folder, page by page, to its end or to the end of the slice.

        The next page is on its way while this one is refined and stored.
        """
        state: FolderState | None = folder
        self._read_keys.add(folder.key)
        cursor, lost, is_reread = folder.cursor, False, folder.key in self._rereading
        ahead: asyncio.Task[ChangePage | CursorLost | Fault] | None = None
        with structlog.contextvars.bound_contextvars(folder="/".join(folder.path)):
            try:
                if cursor is None and not is_reread:
                    is_reread = await self._has_early(folder)
                while state is not None:
                    page = await (ahead or self._changes(state, cursor))
                    ahead = None
                    match page:
                        case CursorLost(fault=fault) if not lost:
                            if fault.code != Code.LISTED_ANEW:
                                metrics.went_wrong(fault.code, fault.request_id)
                                log.warning("place lost", code=fault.code, request=fault.request_id)
                            await self._begin_again(state)
                            cursor, lost, is_reread = None, True, True
                            continue
                        case CursorLost(fault=fault) | (Fault() as fault):
                            await self._leave_out(state, fault)
                            return
                    is_last = page.is_last or (page.cursor == cursor and not page.changes)
                    is_over = is_last or self._is_over()
                    cursor = page.cursor
                    if not is_over:
                        ahead = asyncio.create_task(self._changes(state, cursor))
                    await self._bring(state, page, is_last=is_last, is_reread=is_reread)
                    if is_over:
                        self._unfinished |= not is_last
                        return
                    if is_history:
                        state = await self._interrupt_history(state)
            finally:
                if ahead is not None:
                    ahead.cancel()
                    await asyncio.gather(ahead, return_exceptions=True)

    async def _changes(
        self, state: FolderState, cursor: Cursor | None
    ) -> ChangePage | CursorLost | Fault:
        is_search = state.folder_id in self._searches
        return await self._reader.changes(
            state.folder_id,
            cursor,
            limit=self._settings.page,
            since=None if is_search else self._mailbox.start_at,
            outlined=self._is_recognising,
        )

    async def _has_early(self, state: FolderState) -> bool:
        """Tell whether mail of the folder was taken in before it was begun; what left it since then is not listed."""
        if state.key not in self._early | self._storing.early:
            return False
        await self._storing.stored()
        begin = partial(rechecks.begin, folder_key=state.key, kind=rechecks.Kind.UNSEEN)
        has_early = bool(await self._storing.write(begin))
        self._has_chores |= has_early
        return has_early

    async def _begin_again(self, state: FolderState) -> None:
        """Read the folder from its beginning: what is not seen again by its end is gone."""
        self._has_chores = True
        await self._storing.stored()

        def forget(tx: Transaction) -> None:
            rechecks.begin(tx, state.key, rechecks.Kind.UNSEEN)
            folders.forget_place(tx, state.key)

        await self._storing.write(forget)

    async def _leave_out(self, state: FolderState, fault: Fault) -> None:
        """Say what is wrong with the folder, and let the others go on."""
        await self._storing.stored()
        now = self._now()
        rule = policy.rule_for(fault)
        if rule.action not in (policy.Action.RETRY_LATER, policy.Action.RETRY_NOW):
            self._memory.left_out_until[state.folder_id] = now + self._settings.full_pass_interval
        metrics.went_wrong(fault.code, fault.request_id)
        log.warning("folder left out", code=fault.code, request=fault.request_id)
        before = state.trouble
        since = before.since if before is not None and before.code == fault.code else now
        trouble = Trouble(
            code=fault.code,
            message=f"{fault.message} {rule.remedy}",
            since=since,
            reason=rule.reason,
        )
        if trouble != before:
            await self._storing.write(lambda tx: folders.set_trouble(tx, state.key, trouble))

    async def _bring(
        self, state: FolderState, page: ChangePage, *, is_last: bool, is_reread: bool
    ) -> None:
        """Fetch what is unknown of a page, and hand all of it over to be stored."""
        hint = self._settled_hint(state)
        seen = tuple(change.item_id for change in page.changes)
        known = await self._known(seen)
        if page.changes and not is_reread:
            self._learn_of_hints(state)
        if state.folder_id in self._searches:
            await self._bring_found(page.changes, known)
            page, known = replace(page, changes=()), {}
        selection = decide.select(
            # What is said of a copy may be older than the time that the mailbox was read another way.
            [replace(change, is_changed=True) for change in page.changes]
            if self._is_recognising
            else page.changes,
            known,
            folder=state.key,
            start_at=self._mailbox.start_at,
            keeps_ids=self._reader.keeps_ids,
        )
        self._has_chores |= any(isinstance(one, decide.LeftCopy) for one in selection.intents)
        place = Place(
            cursor=page.cursor,
            is_last=is_last,
            hint=hint if is_last else state.last_change,
            seen=seen if is_reread else (),
        )
        last = await self._fetch_unknown(
            state,
            selection.fetch,
            came_along=selection.items,
            outlines={one.item_id: one.outline for one in page.changes if one.outline is not None},
        )
        last.intents = (*selection.intents, *last.intents)
        await self._storing.hand_over(last, place)

    def _learn_of_hints(self, state: FolderState) -> None:
        """Compare what was said of a folder with what was there: something new. Of history nothing was said."""
        if _is_loading(state) or self._is_recognising or state.folder_id in self._searches:
            return
        if state.folder_id in self._named:
            self._memory.trust.told()
        elif self._hints[state.folder_id] == state.last_change is not None:
            self._memory.trust.kept_back()

    async def _bring_back(self, state: FolderState, item_ids: Sequence[ItemId]) -> None:
        """Take in items that lie in a folder, which no page of its changes told."""
        chunk = await self._fetch_unknown(state, item_ids)
        await self._storing.hand_over(chunk, None)
        await self._storing.stored()

    async def _bring_found(
        self, changes: Sequence[Change], known: dict[ItemId, copies.Copy]
    ) -> None:
        """Take in what a search folder names, each email where it lies: to be found moves nothing."""
        found: dict[FolderId, list[Change]] = defaultdict(list)
        for change in changes:
            if change.lies_in is not None:
                found[change.lies_in].append(change)
        for folder_id, there in found.items():
            state = self._states.get(folder_id)
            if state is None or filters.is_folder_denied(state.path, self._mailbox.filters):
                continue
            selection = decide.select(
                there, known, folder=state.key, start_at=self._mailbox.start_at
            )
            if selection.fetch:
                chunk = await self._fetch_unknown(state, selection.fetch)
                await self._storing.hand_over(chunk, None)

    async def _look_for_new(self, state: FolderState) -> None:
        """Take in what arrived since the first load of the folder began, or of the mailbox if it did not yet."""
        hint, first_seen_at = self._memory.hints[state.folder_id]
        begun_at = self._memory.begun_at or self._now()
        is_waiting = state.cursor is None or state.reading_since is None
        if (
            self._is_left_out(state)
            or (is_waiting and first_seen_at <= begun_at)
            or (hint is not None and self._memory.looked_at.get(state.folder_id) == hint)
        ):
            return
        since = (state.reading_since or begun_at) - OVERLAP
        found = await self._reader.newest(state.folder_id, since=since, limit=self._settings.newest)
        if isinstance(found, Fault):
            log.info("newest not told", code=found.code)
            return
        self._read_keys.add(state.key)
        known = await self._known(found)
        unknown = [item_id for item_id in found if item_id not in known or known[item_id].is_gone]
        if unknown:
            await self._storing.hand_over(await self._fetch_unknown(state, unknown), None)
        self._memory.looked_at[state.folder_id] = self._settled_hint(state)

    def _settled_hint(self, state: FolderState) -> str | None:
        """Give the folder's hint, if a reading now has all that it stands for."""
        hint, first_seen_at = self._memory.hints[state.folder_id]
        return hint if self._now() - first_seen_at >= SETTLED else None

    async def _retry(self, failed: Sequence[Failure], states: Sequence[FolderState]) -> None:
        """Ask again for items that could not be read earlier."""
        for state in states:
            tried = {one.item_id: one.attempts for one in failed if one.folder_key == state.key}
            if tried:
                await self._storing.hand_over(
                    await self._fetch(state, list(tried), tried=tried), None
                )

    async def _known(self, item_ids: Sequence[ItemId]) -> dict[ItemId, copies.Copy]:
        if not item_ids:
            return {}
        return await self._desk.read(lambda tx: copies.by_items(tx, self._mailbox.id, item_ids))

    async def _fetch_unknown(
        self,
        state: FolderState,
        item_ids: Sequence[ItemId],
        *,
        came_along: Sequence[Item] = (),
        outlines: Mapping[ItemId, Item] | None = None,
    ) -> Chunk:
        """Fetch those items whose emails are not recognised by their outlines, where there are any."""
        known = await self._recognise(item_ids, outlines or {})
        recognised = {one.item_id for one in known}
        unknown = [item_id for item_id in item_ids if item_id not in recognised]
        chunk = await self._fetch(state, unknown, came_along=came_along)
        chunk.intents = known
        return chunk

    async def _recognise(
        self, item_ids: Sequence[ItemId], outlines: Mapping[ItemId, Item]
    ) -> tuple[decide.KnownCopy, ...]:
        if self._is_recognising and (rest := [one for one in item_ids if one not in outlines]):
            outlines = {**outlines, **await self._reader.outlines(rest)}
        items = [outlines[item_id] for item_id in item_ids if item_id in outlines]
        if not items:
            return ()
        # What is just being stored may be met again.
        await self._storing.stored()
        return await self._desk.read(lambda tx: recognition.recognise(tx, self._mailbox, items))

    async def _fetch(
        self,
        state: FolderState,
        item_ids: Sequence[ItemId],
        *,
        came_along: Sequence[Item] = (),
        tried: dict[ItemId, int] | None = None,
    ) -> Chunk:
        """Fetch and have refined; what is too much to be held is handed over early. Gives the rest."""
        chunk = Chunk(state, tried or {}, refinery=self._refinery)
        async for batch in self._batches(item_ids, came_along):
            await chunk.add(batch)
            if chunk.size >= self._settings.chunk_bytes:
                await self._storing.hand_over(chunk, None)
                chunk = Chunk(state, tried or {}, refinery=self._refinery)
        return chunk

    async def _batches(
        self, item_ids: Sequence[ItemId], came_along: Sequence[Item]
    ) -> AsyncIterator[Sequence[Fetched]]:
        """Give what came along in pieces, so that refining begins with the first; then what is to be fetched."""
        for start in range(0, len(came_along), PIECE):
            yield came_along[start : start + PIECE]
        piece: list[Fetched] = []
        if item_ids:
            async for batch in self._reader.fetch(item_ids):
                piece += batch
                if len(piece) >= PIECE:
                    yield piece
                    piece = []
        if piece:
            yield piece
