"""What the sync decides, in a world where anything may happen between any two steps."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mailmine.exchange.reader import Change, ChangeKind, Item
from mailmine.model.email import Address, Email, Metadata
from mailmine.model.ids import CommentId, EmailKey, FolderKey, ItemId, MailboxId, MessageId
from mailmine.model.integration import Filters
from mailmine.refine import identity
from mailmine.store.copies import Copy
from mailmine.store.emails import KnownEmail
from mailmine.sync import decide
from mailmine.sync.decide import (
    ChangedCopy,
    GoneCopy,
    MovedCopy,
    NewCopy,
    NewEmail,
    Nothing,
    ReadFlag,
    Reason,
    candidates,
    select,
    shown,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
INBOX, DONE = FolderKey(1), FolderKey(2)


def email(number: int, sender: str = "ann@example.com") -> Email:
    return Email(
        message_id=MessageId(f"<{number}@example.com>"),
        subject=f"Order {number}",
        from_=Address("", sender),
        sent_at=NOON,
        text="Hello",
    )


def item(id_: str, number: int, sender: str = "ann@example.com") -> Item:
    return Item(id=ItemId(id_), email=email(number, sender), metadata=Metadata(received_at=NOON))


def copy(id_: str, key: int = 1, *, folder: FolderKey = INBOX, is_gone: bool = False) -> Copy:
    return Copy(
        mailbox_id=MailboxId("m"),
        mailbox="m@example.com",
        folder_key=folder,
        folder_path=(),
        item_id=ItemId(id_),
        email_key=EmailKey(key),
        metadata=Metadata(),
        order=key,
        is_gone=is_gone,
    )


def known(number: int, sender: str = "ann@example.com") -> dict[CommentId, KnownEmail]:
    mail = email(number, sender)
    id_ = identity.of(mail)
    return {
        id_: KnownEmail(key=EmailKey(1), comment_id=id_, fingerprint=identity.fingerprint(mail))
    }


def present(id_: str, **more: object) -> Change:
    return Change(kind=ChangeKind.PRESENT, item_id=ItemId(id_), **more)  # type: ignore[arg-type]


def gone(id_: str) -> Change:
    return Change(kind=ChangeKind.GONE, item_id=ItemId(id_))


class TestSelect:
    def test_what_is_unknown_is_fetched_once(self) -> None:
        chosen = select([present("a"), present("b"), present("a")], {}, folder=INBOX)
        assert sorted(chosen.fetch) == ["a", "b"]
        assert chosen.intents == ()

    def test_what_lies_here_already_is_not_fetched(self) -> None:
        chosen = select([present("a")], {ItemId("a"): copy("a")}, folder=INBOX)
        assert chosen.fetch == ()
        assert chosen.intents == (Nothing(ItemId("a"), Reason.KNOWN),)

    def test_what_was_gone_or_lay_elsewhere_is_fetched(self) -> None:
        lying = {ItemId("a"): copy("a", is_gone=True), ItemId("b"): copy("b", folder=DONE)}
        assert select([present("a"), present("b")], lying, folder=INBOX).fetch == ("a", "b")

    def test_what_was_changed_is_fetched_for_its_metadata(self) -> None:
        chosen = select([present("a", is_changed=True)], {ItemId("a"): copy("a")}, folder=INBOX)
        assert chosen.fetch == ("a",)

    def test_a_read_flag_needs_no_fetch(self) -> None:
        change = present("a", is_changed=True, is_read=True)
        chosen = select([change], {ItemId("a"): copy("a")}, folder=INBOX)
        assert chosen == decide.Selection((), (), (ReadFlag(ItemId("a"), is_read=True),))

    def test_a_read_flag_of_an_unknown_item_fetches_it(self) -> None:
        assert select([present("a", is_read=True)], {}, folder=INBOX).fetch == ("a",)

    def test_the_last_word_about_an_item_counts(self) -> None:
        chosen = select([present("a"), gone("a")], {}, folder=INBOX)
        assert chosen == decide.Selection((), (), (GoneCopy(ItemId("a")),))

    def test_what_is_too_old_is_not_fetched(self) -> None:
        changes = [
            present("a", received_at=NOON - timedelta(seconds=1)),
            present("b", received_at=NOON),
        ]
        chosen = select(changes, {}, folder=INBOX, start_at=NOON)
        assert chosen.fetch == ("b",)
        assert chosen.intents == (Nothing(ItemId("a"), Reason.TOO_OLD),)


class TestDecide:
    def test_a_new_email(self) -> None:
        new = item("a", 1)
        (intent,) = decide.decide([new], folder=INBOX, emails={}, copies={}, others={})
        assert isinstance(intent, NewEmail)
        assert intent.comment_id == identity.of(new.email)

    def test_the_same_email_twice_in_a_page_is_new_once(self) -> None:
        intents = decide.decide(
            [item("a", 1), item("b", 1)], folder=INBOX, emails={}, copies={}, others={}
        )
        assert [type(intent) for intent in intents] == [NewEmail, NewCopy]

    def test_another_email_under_the_same_message_id_gets_an_id_of_its_own(self) -> None:
        (intent,) = decide.decide(
            [item("b", 1, "bob@example.com")],
            folder=INBOX,
            emails=known(1),
            copies={},
            others={},
        )
        assert isinstance(intent, NewEmail)
        assert intent.comment_id.startswith(identity.of(email(1)))
        assert intent.comment_id in candidates([item("b", 1, "bob@example.com")])
        assert intent.comment_id != identity.of(email(1))

    def test_a_copy_after_one_that_is_gone_has_moved(self) -> None:
        others = {EmailKey(1): [copy("a", is_gone=True)]}
        (intent,) = decide.decide(
            [item("b", 1)], folder=DONE, emails=known(1), copies={}, others=others
        )
        assert isinstance(intent, MovedCopy)

    def test_a_copy_beside_another_is_new(self) -> None:
        others = {EmailKey(1): [copy("a")]}
        (intent,) = decide.decide(
            [item("b", 1)], folder=DONE, emails=known(1), copies={}, others=others
        )
        assert isinstance(intent, NewCopy)

    def test_a_known_item_only_changes_its_metadata(self) -> None:
        edited = item("a", 99)
        (intent,) = decide.decide(
            [edited], folder=INBOX, emails={}, copies={ItemId("a"): copy("a", 7)}, others={}
        )
        assert intent == ChangedCopy(EmailKey(7), ItemId("a"), edited.metadata)

    def test_what_is_not_wanted_is_nothing(self) -> None:
        (intent,) = decide.decide(
            [item("a", 1)],
            folder=INBOX,
            emails={},
            copies={},
            others={},
            filters=Filters(participant_denylist=("ANN@example.com",)),
        )
        assert intent == Nothing(ItemId("a"), Reason.UNWANTED)

    def test_what_came_before_the_start_is_nothing(self) -> None:
        (intent,) = decide.decide(
            [item("a", 1)],
            folder=INBOX,
            emails={},
            copies={},
            others={},
            start_at=NOON + timedelta(days=1),
        )
        assert intent == Nothing(ItemId("a"), Reason.TOO_OLD)


def test_a_copy_that_is_there_is_shown_before_a_later_one_that_is_gone() -> None:
    assert shown([copy("a", 1), copy("b", 2, is_gone=True)]) == copy("a", 1)
    assert shown([copy("a", 1, is_gone=True), copy("b", 2, is_gone=True)]) == copy(
        "b", 2, is_gone=True
    )
    assert shown([]) is None


# -- the world


@dataclass
class Server:
    """Folders of mailboxes, each with the log of its changes; an item gets a new id with each move, as by EWS."""

    where: dict[ItemId, tuple[int, FolderKey]] = field(default_factory=dict)
    """Item -> the email that it is a copy of, its folder."""
    logs: dict[FolderKey, list[Change]] = field(default_factory=dict)
    count: int = 0

    def put(self, number: int, folder: FolderKey) -> ItemId:
        self.count += 1
        id_ = ItemId(f"item{self.count}")
        self.where[id_] = (number, folder)
        self.logs[folder].append(present(id_))
        return id_

    def take(self, id_: ItemId) -> int:
        number, folder = self.where.pop(id_)
        self.logs[folder].append(gone(id_))
        return number


@dataclass
class Bucket:
    """What a store keeps, in dictionaries."""

    emails: dict[CommentId, KnownEmail] = field(default_factory=dict)
    copies: dict[ItemId, Copy] = field(default_factory=dict)
    cursors: dict[FolderKey, int] = field(default_factory=dict)
    unseen: dict[FolderKey, set[ItemId]] = field(default_factory=dict)
    order: int = 0

    def apply(
        self, mailbox: MailboxId, folder: FolderKey, intents: Sequence[decide.Intent]
    ) -> None:
        for intent in intents:
            match intent:
                case NewEmail(comment_id, fingerprint, item_):
                    assert comment_id not in self.emails
                    key = EmailKey(len(self.emails) + 1)
                    self.emails[comment_id] = KnownEmail(
                        key=key, comment_id=comment_id, fingerprint=fingerprint
                    )
                    self.put(mailbox, folder, key, item_.id)
                case NewCopy(comment_id, item_) | MovedCopy(comment_id, item_):
                    self.put(mailbox, folder, self.emails[comment_id].key, item_.id)
                case GoneCopy(item_id):
                    self.mark_gone(folder, item_id)
                case ChangedCopy() | ReadFlag() | Nothing():
                    pass

    def put(self, mailbox: MailboxId, folder: FolderKey, key: EmailKey, id_: ItemId) -> None:
        self.order += 1
        self.copies[id_] = Copy(
            mailbox_id=mailbox,
            mailbox=mailbox,
            folder_key=folder,
            folder_path=(str(folder),),
            item_id=id_,
            email_key=key,
            metadata=Metadata(),
            order=self.order,
            is_gone=False,
        )

    def mark_gone(self, folder: FolderKey, id_: ItemId) -> None:
        lying = self.copies.get(id_)
        if lying is not None and lying.folder_key == folder:
            values = {name: getattr(lying, name) for name in Copy.__slots__}
            self.copies[id_] = Copy(**values | {"is_gone": True})

    def of(self, number: int) -> list[Copy]:
        id_ = identity.of(email(number))
        if id_ not in self.emails:
            return []
        key = self.emails[id_].key
        return [one for one in self.copies.values() if one.email_key == key]


FOLDERS = 2
MAILBOXES = 2
EMAILS = 2
folders = st.integers(0, FOLDERS * MAILBOXES - 1).map(FolderKey)
numbers = st.integers(0, EMAILS - 1)


@dataclass
class Page:
    """A page that was listed and whose items are not fetched yet."""

    folder: FolderKey
    changes: list[Change]
    cursor: int
    is_last: bool


class MovingMail(RuleBasedStateMachine):
    """Mail is delivered, moved, copied and deleted while pages are read in any order, and workers die."""

    @initialize()
    def begin(self) -> None:
        self.server = Server(logs={FolderKey(number): [] for number in range(FOLDERS * MAILBOXES)})
        self.bucket = Bucket()
        self.listed: Page | None = None

    # -- people

    @rule(number=numbers, folder=folders)
    def deliver(self, number: int, folder: FolderKey) -> None:
        self.server.put(number, folder)

    @rule(pick=st.integers(0, 5), folder=folders)
    def move(self, pick: int, folder: FolderKey) -> None:
        if self.server.where:
            id_ = sorted(self.server.where)[pick % len(self.server.where)]
            same_mailbox = self.server.where[id_][1] // FOLDERS * FOLDERS + folder % FOLDERS
            self.server.put(self.server.take(id_), FolderKey(same_mailbox))

    @rule(pick=st.integers(0, 5), there=folders)
    def move_there_and_back(self, pick: int, there: FolderKey) -> None:
        if self.server.where:
            id_ = sorted(self.server.where)[pick % len(self.server.where)]
            home = self.server.where[id_][1]
            away = self.server.put(self.server.take(id_), there)
            self.server.put(self.server.take(away), home)

    @rule(pick=st.integers(0, 5), folder=folders)
    def copy(self, pick: int, folder: FolderKey) -> None:
        if self.server.where:
            id_ = sorted(self.server.where)[pick % len(self.server.where)]
            self.server.put(self.server.where[id_][0], folder)

    @rule(pick=st.integers(0, 5))
    def delete(self, pick: int) -> None:
        if self.server.where:
            self.server.take(sorted(self.server.where)[pick % len(self.server.where)])

    # -- the sync, step by step

    @rule(folder=folders, limit=st.integers(1, 4))
    def list_page(self, folder: FolderKey, limit: int) -> None:
        start = self.bucket.cursors.get(folder, 0)
        log = self.server.logs[folder]
        end = min(start + limit, len(log))
        self.listed = Page(folder, log[start:end], end, is_last=end == len(log))

    @rule(folder=folders)
    def read_to_the_end(self, folder: FolderKey) -> None:
        self.read(folder)

    def read(self, folder: FolderKey) -> None:
        self.list_page(folder, 1000)
        self.store_page()

    @rule()
    def store_page(self) -> None:
        """Fetch what was listed, which may be gone by now, and store it with the place after it."""
        if self.listed is not None:
            self.store(self.listed, with_place=True)
            self.listed = None

    @rule()
    def store_and_die_before_the_place(self) -> None:
        if self.listed is not None:
            self.store(self.listed, with_place=False)
            self.listed = None

    @rule()
    def die(self) -> None:
        self.listed = None

    @rule(folder=folders)
    def lose_the_place(self, folder: FolderKey) -> None:
        if self.bucket.cursors.get(folder) and (
            self.listed is None or self.listed.folder != folder
        ):
            self.bucket.unseen[folder] = {
                id_
                for id_, one in self.bucket.copies.items()
                if one.folder_key == folder and not one.is_gone
            }
            self.bucket.cursors[folder] = 0
            # A server that lists a folder from its beginning names only what is there.
            self.server.logs[folder] = [
                present(id_) for id_, (_, lies) in self.server.where.items() if lies == folder
            ]

    def store(self, page: Page, *, with_place: bool) -> None:
        bucket, folder = self.bucket, page.folder
        mailbox = MailboxId(f"m{folder // FOLDERS}")
        chosen = select(page.changes, bucket.copies, folder=folder)
        items = [
            item(id_, self.server.where[id_][0])
            for id_ in chosen.fetch
            if self.server.where.get(id_, (0, None))[1] == folder
        ]
        emails = {id_: bucket.emails[id_] for id_ in candidates(items) if id_ in bucket.emails}
        intents = decide.decide(
            items,
            folder=folder,
            emails=emails,
            copies=bucket.copies,
            others={
                one.key: [
                    lying
                    for lying in bucket.copies.values()
                    if lying.email_key == one.key and lying.mailbox_id == mailbox
                ]
                for one in emails.values()
            },
        )
        bucket.apply(mailbox, folder, intents)
        if not with_place:
            return
        bucket.apply(mailbox, folder, chosen.intents)
        unseen = bucket.unseen.get(folder, set())
        unseen -= {change.item_id for change in page.changes}
        bucket.cursors[folder] = page.cursor
        if page.is_last:
            for id_ in unseen:
                bucket.mark_gone(folder, id_)
            unseen.clear()

    # -- what must hold

    @invariant()
    def no_email_is_doubled(self) -> None:
        if hasattr(self, "bucket"):
            keys = [one.key for one in self.bucket.emails.values()]
            assert len(keys) == len(set(keys))
            assert len(keys) <= EMAILS

    @rule()
    def settle(self) -> None:
        """Read everything to its end: then each comment lies where the copy synced last lies."""
        for folder in self.server.logs:
            self.read(folder)
        for number in range(EMAILS):
            lying = self.bucket.of(number)
            there = {id_ for id_, (other, _) in self.server.where.items() if other == number}
            assert {one.item_id for one in lying if not one.is_gone} == there
            if there:
                last = shown(lying)
                assert last is not None
                assert self.server.where[last.item_id] == (number, last.folder_key)
                assert last.order == max(one.order for one in lying if not one.is_gone)

    def teardown(self) -> None:
        if hasattr(self, "server"):
            self.settle()


TestMovingMail = MovingMail.TestCase
TestMovingMail.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
