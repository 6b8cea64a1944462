"""In the end: all that was delivered is there, once, and whoever read the stream was given it once."""

from collections.abc import Iterator

from bench.scale_run.cluster import Cluster, until
from bench.scale_run.reader import StreamReader
from bench.scale_run.rows import Row

COUNTS = """
SELECT (SELECT count(*) FROM emails), (SELECT count(*) FROM copies), count(*), count(DISTINCT (source_id, arrival)),
    (SELECT count(*) FROM attachments), (SELECT count(DISTINCT content_hash) FROM attachments)
FROM comments
"""


def counted(here: Cluster, reader: StreamReader | None) -> Iterator[Row]:
    """Compare what was delivered with what is there."""
    wanted, attached = here.delivered, here.attached

    def found() -> tuple[float, ...]:
        return tuple(here.ask(COUNTS)[0])

    # New mail is read within an interval; what is doubled would be there by then as well.
    until(lambda: min(found()[:4]) >= wanted and min(found()[4:]) >= attached)
    kinds = ("emails", "copies", "comments", "places in their order")
    for kind, number in zip(kinds, found()[:4], strict=True):
        yield _row(f"{kind} of {wanted:,} mails", number, wanted)
    yield _row(f"attachments of {attached:,} mails", found()[4], attached)
    names = [key.rpartition("/")[2] for key in here.objects.listed() if "/incoming/" not in key]
    named = {str(name) for (name,) in here.ask("SELECT content_hash FROM attachments")}
    yield _row("contents of those in the object store", len(named.intersection(names)), attached)
    if reader is not None:
        until(lambda: len(reader.seen) >= wanted)
        reader.stop()
        yield _row("comments that the reader of the stream was given", len(reader.seen), wanted)
        again = reader.seen.total() - len(reader.seen)
        yield _row("those that it was given again", again, 0)
        yield Row(what="its requests that failed meanwhile", figure=f"{reader.refused:,}")


def _row(what: str, number: float, wanted: int) -> Row:
    return Row(what=what, figure=f"{number:,.0f}", target=f"{wanted:,}", is_met=number == wanted)
