"""A search folder is read where a person names it; what it finds stays where it lies."""

import pytest

from mailmine.model.integration import Filters
from tests.integration.sync.conftest import ORDERS, World, eml

SEARCH = ("Search Folders", "Unread")


@pytest.fixture
def busy(world: World) -> World:
    """Put four emails into three folders, three of them unread."""
    mailbox = world.exchange.mailbox(ORDERS)
    mailbox.make_folder("searchfolders/Unread", kind="search", finds="unread")
    mailbox.deliver(eml(1), "Inbox/Open")
    mailbox.deliver(eml(2), "Inbox/Done", is_read=True)
    mailbox.deliver(eml(3), "Private")
    mailbox.deliver(eml(4), "Inbox")
    return world


def numbers(world: World) -> list[str]:
    return sorted(str(one.messages[0].subject) for one in world.comments())


async def test_nobody_names_it_and_it_is_not_read(busy: World) -> None:
    busy.configure(filters=Filters(folder_allowlist=(("Inbox", "Done"),)))
    await busy.sync()
    assert numbers(busy) == ["Order 2"]


async def test_what_it_finds_is_shown_where_it_lies(busy: World) -> None:
    busy.configure(filters=Filters(folder_allowlist=(SEARCH,)))
    await busy.sync()
    assert numbers(busy) == ["Order 1", "Order 3", "Order 4"]
    assert [busy.folder_of(number) for number in (1, 3, 4)] == ["Open", "Private", "Inbox"]


async def test_what_is_denied_stays_left_out(busy: World) -> None:
    both = Filters(folder_allowlist=(SEARCH,), folder_denylist=(("Private",),))
    busy.configure(filters=both)
    await busy.sync()
    assert numbers(busy) == ["Order 1", "Order 4"]


async def test_what_it_finds_again_and_no_more_moves_nothing(busy: World) -> None:
    """Read beside the folders themselves, and once its finds were read by people, it changes no comment."""
    busy.configure(filters=Filters(folder_allowlist=(("Inbox",), SEARCH)))
    mailbox = busy.exchange.mailbox(ORDERS)
    moving = mailbox.deliver(eml(5), "Inbox/Open")
    await busy.sync()
    assert [busy.folder_of(number) for number in (1, 2, 3, 4, 5)] == [
        "Open",
        "Done",
        "Private",
        "Inbox",
        "Open",
    ]
    moving.move("Private")
    mailbox.deliver(eml(6), "Private").mark_read()
    late = mailbox.deliver(eml(7), "Private")
    await busy.sync()
    late.mark_read()
    await busy.sync()
    assert [busy.folder_of(number) for number in (1, 5, 7)] == ["Open", "Private", "Private"]
    assert "Order 6" not in numbers(busy)
