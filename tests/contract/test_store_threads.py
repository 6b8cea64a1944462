"""Where comments stand in their conversations."""

from mailmine.store import comments, threads
from mailmine.store.database import Database
from mailmine.store.threads import ThreadPlace
from tests.contract.store_world import MINUTE, NOW, build, comment, comment_id


def test_places(database: Database) -> None:
    with database.write() as tx:
        source = build(tx).source.id
        new = [
            comment("c", at=NOW + 5 * MINUTE, thread="t", from_="Cy <c@x>"),
            comment("a", at=NOW, thread="t", from_="Ann <a@x>"),
            comment("b", at=NOW + 2 * MINUTE, thread="t"),
            comment("other", thread="u"),
            comment("alone"),
        ]
        comments.put(tx, source, new, at=NOW)
        shown = [comments.get(tx, source, one.comment.id) for one in new]
        found = [one for one in shown if one is not None]
        places = threads.places(tx, found)
    told = {one.comment.id: places.get(one.seq) for one in found}

    def place(position: int, response_time: int | None) -> ThreadPlace:
        return ThreadPlace(
            comments=3,
            position=position,
            duration=300,
            response_time=response_time,
            first_sender="Ann <a@x>",
        )

    assert told == {
        comment_id("a"): place(1, None),
        comment_id("b"): place(2, 120),
        comment_id("c"): place(3, 180),
        comment_id("other"): ThreadPlace(
            comments=1, position=1, duration=0, response_time=None, first_sender=None
        ),
        comment_id("alone"): None,
    }
