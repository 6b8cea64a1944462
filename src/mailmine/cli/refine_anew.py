"""`mailmine refine-anew BUCKET`: makes the comments of a bucket once more from its emails. Exchange is not asked."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mailmine.cli.errors import Failed
from mailmine.cli.installation import existing
from mailmine.cli.options import Data, DatabaseUrl, settings
from mailmine.model.ids import BucketId
from mailmine.store import buckets, fills, sources
from mailmine.store.database import Database
from mailmine.sync import filling
from mailmine.sync.filling import Filling
from mailmine.sync.refinery import Apart


def refine_anew(
    bucket: Annotated[str, typer.Argument(help="project/name.")],
    data: Data = None,
    database: DatabaseUrl = None,
) -> None:
    """Refine all emails of a bucket anew, and update those comments that become others.

    Works beside a running server, which finishes it if this command is broken off.
    """
    given = settings(data=data, database=database)
    project, _, name = bucket.partition("/")
    with existing(given) as here:
        with here.database.write() as tx:
            found = buckets.get(tx, project, name)
            if found is None:
                known = ", ".join(f"{one.project}/{one.name}" for one in buckets.list_all(tx))
                raise Failed(f"there is no bucket {bucket!r} (there are: {known or 'none yet'})")
            if not filling.begin_anew(tx, found.id, at=datetime.now(UTC)):
                raise Failed(f"no source shows the emails of the bucket {bucket}: nothing to do")
        updated = asyncio.run(_finish(here.database, found.id, learns=given.learn))
    comments = "1 comment" if updated == 1 else f"{updated} comments"
    Console().print(f"{bucket}: refined anew, {comments} changed", highlight=False)


async def _finish(database: Database, bucket_id: BucketId, *, learns: bool) -> int:
    """Do it here, and show how far it is; say how many comments changed here."""
    refinery = Apart()
    work = Filling(database, refinery=refinery, learns=learns)
    columns = (TextColumn("Refining"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, transient=True) as shown:
            task = shown.add_task("", total=None)
            while (at := _progress(database, bucket_id)) is not None:
                shown.update(task, completed=at[0], total=at[1])
                await work.step()
    finally:
        await refinery.aclose()
        work.close()
    return work.updated


def _progress(database: Database, bucket_id: BucketId) -> tuple[int, int] | None:
    """Count the emails that are done, and all; None where nothing is left to do."""
    with database.read() as tx:
        mine = {source.id for source in sources.of_bucket(tx, bucket_id)}
        left = [fill for fill in fills.list_all(tx) if fill.source_id in mine]
    return (sum(fill.done for fill in left), sum(fill.total for fill in left)) if left else None
