"""Items in batches: one that is bad stops neither its neighbours nor the folder."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import suppress

import pytest

from mailmine.exchange import Limits
from mailmine.exchange.faults import Code, ExchangeError, Fault, Scope, Where
from mailmine.exchange.reader import Fetched, Item, ItemFault, ItemGone, ItemSkipped, Reader
from mailmine.model.ids import ItemId
from tests.unit.exchange.fakes import (
    Answering,
    Asked,
    Said,
    all_messages,
    answers,
    failed,
    fault,
    message,
    reading,
    value,
)

BODY_BYTES = Limits(answer_bytes=100_000)


def ids(*names: str) -> list[ItemId]:
    return [ItemId(name) for name in names]


async def fetch(reader: Reader, items: Sequence[ItemId]) -> list[Fetched]:
    return [fetched async for batch in reader.fetch(items) for fetched in batch]


def kinds(fetched: Sequence[Fetched]) -> str:
    """Write what came as one letter each: Item, Skipped, Gone, Fault."""
    return "".join(type(one).__name__.removeprefix("Item")[:1] or "I" for one in fetched)


SOUND = answers("GetFolder", "<m:Folders/>")


def each(one: dict[str, str]) -> Answering:
    """Answer a GetItem by `one` for some ids, with a message for the others."""
    return lambda asked: answers("GetItem", *(one.get(id_, message(id_)) for id_ in asked.item_ids))


async def stop(batches: AsyncIterator[Sequence[Fetched]]) -> None:
    assert isinstance(batches, AsyncGenerator)
    await batches.aclose()


async def test_items_come_in_order_in_batches_of_ten() -> None:
    on = reading(all_messages)
    wanted = ids(*(f"id{number}" for number in range(25)))
    batches = [[one.id for one in batch] async for batch in on.reader.fetch(wanted)]
    assert [len(batch) for batch in batches] == [10, 10, 5]
    assert [id_ for batch in batches for id_ in batch] == wanted


async def test_nothing_is_asked_for_nothing() -> None:
    on = reading(all_messages)
    assert await fetch(on.reader, []) == []
    assert on.exchange.asked == []


async def test_c9_the_next_batch_is_on_its_way_while_the_caller_works_and_no_further() -> None:
    on = reading(all_messages)
    batches = on.reader.fetch(ids(*"abcdefghij" * 4))
    await anext(batches)
    for _ in range(100):
        await asyncio.sleep(0)
    assert len(on.exchange.asked) == 2
    await stop(batches)


async def test_letting_go_of_a_fetch_stops_what_is_under_way() -> None:
    on = reading(all_messages)
    batches = on.reader.fetch(ids(*"abcdefghij" * 2))
    await anext(batches)
    on.exchange.gate = asyncio.Event()
    await asyncio.sleep(0)
    await stop(batches)
    assert on.exchange.in_flight == 0


async def test_c21_an_item_gone_between_list_and_fetch_is_no_error() -> None:
    on = reading(each({"b": failed("GetItem", "ErrorItemNotFound")}))
    assert kinds(await fetch(on.reader, ids("a", "b", "c"))) == "IGI"


async def test_c12_a_bad_item_is_a_value_and_its_neighbours_come() -> None:
    on = reading(each({"b": failed("GetItem", "ErrorSomethingOdd")}))
    got = await fetch(on.reader, ids("a", "b", "c"))
    assert kinds(got) == "IFI"
    assert isinstance(got[1], ItemFault)
    assert got[1].fault.scope is Scope.ITEM
    assert got[1].fault.code == "ErrorSomethingOdd"


async def test_what_is_not_mail_is_skipped_with_its_class() -> None:
    contact = message("a").replace("IPM.Note", "IPM.Contact")
    on = reading(each({"a": contact}))
    got = await fetch(on.reader, ids("a", "b"))
    assert got[0] == ItemSkipped(id=ItemId("a"), item_class="IPM.Contact")
    assert kinds(got) == "SI"


async def test_c11_a_message_of_unknown_kind_is_read_all_the_same() -> None:
    on = reading(lambda _: answers("GetItem", message("a", kind="MessageOf2031")))
    got = await fetch(on.reader, ids("a"))
    assert isinstance(got[0], Item)
    assert got[0].email.subject == "Hello"


async def test_c10_illegal_xml_characters_are_replaced_and_nothing_else_lost() -> None:
    on = reading(
        lambda asked: answers(
            "GetItem",
            *(message(id_, subject="A&#x1A;B&#x0;C\x0bD&amp;E") for id_ in asked.item_ids),
        )
    )
    got = await fetch(on.reader, ids("a", "b"))
    assert [one.email.subject for one in got if isinstance(one, Item)] == [
        "A\ufffdB\ufffdC\ufffdD&E"
    ] * 2
    assert len(on.exchange.asked) == 1


async def test_c10_an_answer_beyond_repair_costs_only_the_one_item() -> None:
    def answer(asked: Asked) -> str:
        text = all_messages(asked)
        return text.replace("</t:Subject>", "") if "bad" in asked.item_ids else text

    on = reading(answer)
    got = await fetch(on.reader, ids("a", "b", "c", "d", "bad", "f", "g", "h"))
    assert kinds(got) == "IIIIFIII"
    assert isinstance(got[4], ItemFault)
    assert (got[4].fault.code, got[4].fault.scope) == (Code.MALFORMED_ANSWER, Scope.ITEM)


@pytest.mark.parametrize(
    "failing",
    [
        Said("Server Error", status=500, headers={"Content-Type": "text/plain"}),
        fault("ErrorInternalServerError"),
        fault("ErrorTimeoutExpired"),
        Said(b"x" * 100_001),
    ],
    ids=["500", "fault", "timeout", "too long"],
)
async def test_c13_a_batch_that_fails_because_of_one_item_is_halved(failing: Said) -> None:
    on = reading(
        lambda asked: failing if "bad" in asked.item_ids else all_messages(asked),
        limits=BODY_BYTES,
    )
    got = await fetch(on.reader, ids("a", "b", "bad", "d"))
    assert kinds(got) == "IIFI"
    assert on.exchange.operations.count("GetItem") == 5


@pytest.mark.parametrize(
    "failing",
    [
        Said("Server Error", status=500, headers={"Content-Type": "text/plain"}),
        fault("ErrorInternalServerError"),
        fault("ErrorTimeoutExpired"),
    ],
    ids=["500", "fault", "timeout"],
)
async def test_an_outage_is_not_held_against_the_items(failing: Said) -> None:
    on = reading(lambda _: failing)
    for _ in range(3):
        with pytest.raises(ExchangeError) as raised:
            await fetch(on.reader, ids(*"abcdefghij"))
        assert raised.value.fault.scope is Scope.MAILBOX


@pytest.mark.parametrize("code", ["ErrorInternalServerTransientError", "ErrorNotEnoughMemory"])
async def test_c12_an_item_that_always_overtaxes_a_sound_server_does_not_stop_the_others(
    code: str,
) -> None:
    on = reading(each({"b": failed("GetItem", code)}))
    assert kinds(await fetch(on.reader, ids("a", "b", "c"))) == "IFI"
    assert kinds(await fetch(on.reader, ids("b"))) == "F"


async def test_after_a_slow_answer_batches_stay_small_and_grow_again() -> None:
    def answer(asked: Asked) -> str | Said:
        return all_messages(asked) if len(asked.item_ids) <= 2 else fault("ErrorTimeoutExpired")

    on = reading(answer)
    await fetch(on.reader, ids(*(f"id{number}" for number in range(12))))
    await fetch(on.reader, ids("a", "b", "c"))
    assert len(on.exchange.asked[-1].item_ids) <= 2 or on.exchange.asked[-1].item_ids == ["c"]


async def test_what_exchange_did_not_get_to_is_asked_for_again() -> None:
    def answer(asked: Asked) -> str:
        stopped = failed("GetItem", "ErrorBatchProcessingStopped", kind="Warning")
        first, *others = asked.item_ids
        return answers("GetItem", message(first), *(stopped for _ in others))

    on = reading(answer)
    assert kinds(await fetch(on.reader, ids("a", "b", "c"))) == "III"
    assert len(on.exchange.asked) == 3


async def test_an_item_that_is_never_got_to_does_not_hold_up_for_ever() -> None:
    stopped = failed("GetItem", "ErrorBatchProcessingStopped", kind="Warning")
    on = reading(lambda asked: answers("GetItem", *(stopped for _ in asked.item_ids)))
    assert kinds(await fetch(on.reader, ids("a", "b"))) == "FF"


async def test_answers_that_do_not_match_the_question_are_not_guessed_at() -> None:
    on = reading(
        lambda asked: (
            answers("GetItem", message("a")) if len(asked.item_ids) > 1 else all_messages(asked)
        )
    )
    assert kinds(await fetch(on.reader, ids("a", "b", "c"))) == "III"


@pytest.mark.parametrize(
    "code",
    [
        "ErrorItemCorrupt",
        "ErrorCorruptData",
        "ErrorContentConversionFailed",
        "ErrorMimeContentConversionFailed",
        "ErrorMessageSizeExceeded",
        "ErrorDataSizeLimitExceeded",
    ],
)
async def test_an_item_that_cannot_be_converted_comes_with_less(code: str) -> None:
    def answer(asked: Asked) -> str:
        is_asked_for_body = "item:Body" in asked.body
        return answers(
            "GetItem",
            *(
                failed("GetItem", code) if id_ == "bad" and is_asked_for_body else message(id_)
                for id_ in asked.item_ids
            ),
        )

    on = reading(answer)
    got = await fetch(on.reader, ids("a", "bad", "c"))
    assert kinds(got) == "III"
    assert [
        one.incomplete.code if one.incomplete else None for one in got if isinstance(one, Item)
    ] == [
        None,
        code,
        None,
    ]


async def test_an_item_that_cannot_be_given_at_all_is_a_fault() -> None:
    on = reading(each({"bad": failed("GetItem", "ErrorItemCorrupt")}))
    got = await fetch(on.reader, ids("a", "bad"))
    assert kinds(got) == "IF"
    assert len(on.exchange.asked) == 3


async def test_a_busy_server_said_of_one_item_stops_the_mailbox() -> None:
    busy = failed("GetItem", "ErrorServerBusy", xml=value("BackOffMilliseconds", "30000"))
    on = reading(each({"b": busy}))
    with pytest.raises(ExchangeError) as raised:
        await fetch(on.reader, ids("a", "b"))
    assert raised.value.fault.retry_after is not None
    assert raised.value.fault.retry_after.total_seconds() == 30


def too_late() -> ExchangeError:
    return ExchangeError(
        Fault(where=Where.NETWORK, code=Code.TIMED_OUT, message="late", scope=Scope.MAILBOX)
    )


async def test_a_poison_item_that_hangs_the_server_is_isolated_round_by_round() -> None:
    def answer(asked: Asked) -> str | Exception:
        if asked.operation == "GetFolder":
            return SOUND
        return too_late() if "bad" in asked.item_ids else all_messages(asked)

    on = reading(answer)
    wanted, got = ids("a", "b", "bad", "d"), dict[ItemId, Fetched]()
    for _ in range(10):
        with suppress(ExchangeError):
            async for batch in on.reader.fetch([id_ for id_ in wanted if id_ not in got]):
                got |= {one.id: one for one in batch}
    assert kinds([got[id_] for id_ in wanted]) == "IIFI"


async def test_a_server_that_is_dead_is_not_held_against_the_items() -> None:
    on = reading(lambda _: too_late())
    faults = 0
    for _ in range(6):
        with suppress(ExchangeError):
            faults += len(await fetch(on.reader, ids("a", "b", "c", "d")))
    assert faults == 0


async def test_gone_means_gone_however_it_is_said() -> None:
    on = reading(each({"a": failed("GetItem", "ErrorItemNotFound")}))
    assert await fetch(on.reader, ids("a")) == [ItemGone(id=ItemId("a"))]
