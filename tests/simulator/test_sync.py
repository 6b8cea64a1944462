"""What changed in a folder, told as Exchange tells it (`spec/exchange.md`, part A)."""

from collections.abc import Callable

from hypothesis import given, settings, strategies as st

from exchange_simulator import Exchange, Mailbox, Message
from exchange_simulator.changes import State
from tests.simulator.client import FOLDER_ID_ONLY, Answer, Client
from tests.simulator.mails import mail


def changes(answer: Answer) -> list[str]:
    return [str(change.tag).rpartition("}")[2] for change in answer.all(".//m:Changes/*")]


def state(answer: Answer) -> str:
    return answer.text(".//m:SyncState") or ""


def is_last(answer: Answer) -> bool:
    return answer.text(".//m:IncludesLastItemInRange") == "true"


def test_the_first_load_comes_newest_first_in_pages(bob: Mailbox, client: Client) -> None:
    delivered = [bob.deliver(mail(str(n))) for n in range(25)]
    first = client.sync(limit=10)
    second = client.sync(state=state(first), limit=10)
    third = client.sync(state=state(second), limit=10)
    assert first.ids + second.ids + third.ids == [m.id for m in reversed(delivered)]
    assert [is_last(page) for page in (first, second, third)] == [False, False, True]


def test_a_page_holds_512_changes_at_most(bob: Mailbox, client: Client) -> None:
    for n in range(513):
        bob.deliver(mail(str(n)))
    page = client.sync(limit=512)
    assert len(page.ids) == 512
    assert not is_last(page)
    assert client.sync(limit=513).codes == ["ErrorSchemaValidation"]
    assert client.sync(limit=0).codes == ["ErrorSchemaValidation"]


def test_mail_that_comes_during_the_first_load_comes_after_it(bob: Mailbox, client: Client) -> None:
    old = [bob.deliver(mail(str(n))) for n in range(4)]
    first = client.sync(limit=2)
    new = bob.deliver(mail("new"))
    second = client.sync(state=state(first), limit=10)
    assert second.ids == [old[1].id, old[0].id]
    assert not is_last(second)
    third = client.sync(state=state(second), limit=10)
    assert third.ids == [new.id]
    assert is_last(third)


def test_nothing_new_costs_one_request_and_keeps_the_state(
    exchange: Exchange, bob: Mailbox, client: Client
) -> None:
    bob.deliver(mail())
    known = state(client.sync())
    exchange.requests.clear()
    idle = client.sync(state=known)
    assert changes(idle) == []
    assert state(idle) == known
    assert exchange.requests.count("SyncFolderItems", "bob@example.com") == 1


def test_a_move_is_a_deletion_and_a_creation_under_a_new_id(bob: Mailbox, client: Client) -> None:
    message = bob.deliver(mail())
    old_id, known = message.id, state(client.sync())
    folder = '<t:DistinguishedFolderId Id="junkemail"/>'
    known_there = state(client.sync(folder))
    message.move("Junk Email")
    here, there = client.sync(state=known), client.sync(folder, state=known_there)
    assert (changes(here), here.ids) == (["Delete"], [old_id])
    assert (changes(there), there.ids) == (["Create"], [message.id])
    assert message.id != old_id
    assert client.get_item(old_id).codes == ["ErrorItemNotFound"]


def test_there_and_back_is_a_deletion_and_a_creation(bob: Mailbox, client: Client) -> None:
    message = bob.deliver(mail())
    known = state(client.sync())
    message.move("Archive")
    message.move("Inbox")
    assert changes(client.sync(state=known)) == ["Delete", "Create"]


def test_reading_is_a_read_flag_change_and_editing_an_update(bob: Mailbox, client: Client) -> None:
    one, two = bob.deliver(mail("one")), bob.deliver(mail("two"))
    known = state(client.sync())
    one.mark_read()
    two.edit(subject="two, changed")
    two.mark_read()
    answer = client.sync(state=known)
    assert changes(answer) == ["ReadFlagChange", "Update"]
    assert answer.text(".//t:ReadFlagChange/t:IsRead") == "true"


def test_what_came_and_went_between_two_polls_is_not_told(bob: Mailbox, client: Client) -> None:
    known = state(client.sync())
    bob.deliver(mail()).delete()
    assert changes(client.sync(state=known)) == []


def test_a_state_is_of_use_for_its_folder_alone(bob: Mailbox, client: Client) -> None:
    bob.deliver(mail())
    known = state(client.sync())
    elsewhere = client.sync('<t:DistinguishedFolderId Id="drafts"/>', state=known)
    assert elsewhere.codes == ["ErrorInvalidSyncStateData"]
    for broken in (known[:-4], known[:-1] + "A", "nonsense", "AAAA"):
        assert client.sync(state=broken).codes == ["ErrorInvalidSyncStateData"]


def test_a_hierarchy_state_knows_how_its_root_was_named(bob: Mailbox, client: Client) -> None:
    def hierarchy(*, named: bool, known: str) -> Answer:
        root = (
            '<m:SyncFolderId><t:DistinguishedFolderId Id="msgfolderroot"/></m:SyncFolderId>'
            if named
            else ""
        )
        return client.ask(
            f"<m:SyncFolderHierarchy>{FOLDER_ID_ONLY}{root}<m:SyncState>{known}</m:SyncState></m:SyncFolderHierarchy>"
        )

    known = state(hierarchy(named=True, known=""))
    assert hierarchy(named=False, known=known).codes == ["ErrorInvalidSyncStateData"]
    bob.make_folder("Inbox/New")
    bob.make_folder("Gone")
    made = hierarchy(named=True, known=known)
    assert changes(made) == ["Create", "Create"]
    bob.rename_folder("Inbox/New", "Renamed")
    bob.delete_folder("Gone")
    renamed = hierarchy(named=True, known=state(made))
    assert changes(renamed) == ["Update", "Delete"]
    bob.make_folder("Kept")
    bob.move_folder("Inbox/Renamed", "Kept")
    assert changes(hierarchy(named=True, known=state(renamed))) == ["Create", "Update"]
    assert bob.folder("Kept/Renamed").path == "Kept/Renamed"


def test_states_can_weigh_many_kilobytes(make_exchange: Callable[..., Exchange]) -> None:
    exchange = make_exchange(sync_state_padding=50_000)
    exchange.account("bob@example.com")
    exchange.mailbox("bob@example.com").deliver(mail())
    with exchange.serve() as address:
        client = Client(address)
        known = state(client.sync())
        assert len(known) > 50_000
        assert changes(client.sync(state=known)) == []


class Replica:
    """What a client knows of a mailbox that believes every change it is told."""

    def __init__(self, mailbox: Mailbox, folders: list[str]) -> None:
        self.mailbox = mailbox
        self.known: dict[str, set[int]] = {folder: set() for folder in folders}
        self.states: dict[str, State] = {}

    def poll(self, name: str, limit: int) -> bool:
        folder = self.mailbox.folder(name)
        page = self.mailbox.changes(folder, self.states.get(name), limit=limit)
        for kind, what in page.changes:
            if kind == "Delete":
                self.known[name].discard(what.number)
            else:
                self.known[name].add(what.number)
        self.states[name] = page.state
        return page.is_last


def happen(mailbox: Mailbox, messages: list[Message], step: str, which: int, folder: str) -> None:
    """Let one thing happen to the mailbox."""
    present = [message for message in messages if message.folder is not None]
    if step == "deliver" or not present:
        messages.append(mailbox.deliver(mail(), folder))
        return
    message = present[which % len(present)]
    match step:
        case "move":
            message.move(folder)
        case "copy":
            messages.append(message.copy(folder))
        case "delete":
            message.delete()
        case "read":
            message.mark_read(read=not message.item.is_read)
        case "edit":
            message.edit(subject=str(which))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["deliver", "move", "delete", "copy", "read", "edit", "poll", "poll"]),
        st.integers(0, 50),
        st.integers(0, 2),
    ),
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, limit=st.integers(1, 4))
def test_who_follows_every_change_knows_what_is_there(
    steps: list[tuple[str, int, int]], limit: int
) -> None:
    exchange = Exchange()
    mailbox = exchange.mailbox("bob@example.com")
    folders = ["Inbox", "Archive", "Inbox/Orders"]
    for folder in folders:
        mailbox.make_folder(folder)
    replica = Replica(mailbox, folders)
    messages: list[Message] = []
    for step, which, where in steps:
        if step == "poll":
            replica.poll(folders[where], limit)
        else:
            happen(mailbox, messages, step, which, folders[where])
    for folder in folders:
        while not replica.poll(folder, limit):
            pass
        there = {item.number for item in mailbox.folder(folder).normal_items()}
        assert replica.known[folder] == there
    exchange.close()
