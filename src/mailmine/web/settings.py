"""The installation itself: where it keeps what, its key, a backup to take away, and what it is made of."""

import asyncio
import os
import platform
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO

from sqlalchemy import Connection as Transaction
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

import mailmine
from mailmine.access import credentials
from mailmine.access.permissions import Permission
from mailmine.store import (
    amounts,
    buckets,
    migrations,
    overview,
    retentions,
    secrets as stored,
)
from mailmine.store.buckets import Bucket
from mailmine.store.database import COPIES, Database
from mailmine.store.retentions import Retention
from mailmine.web import licences
from mailmine.web.forms import Fields, fields, write
from mailmine.web.language import _
from mailmine.web.retention import KINDS
from mailmine.web.site import Site
from mailmine.web.visit import Visit, page

PIECE = 1 << 20
"""Bytes of a backup that are in memory at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How long a bucket keeps what."""

    bucket: Bucket
    limits: Sequence[tuple[str, int]]
    """Kinds and their days; none: everything, for good."""


@page
def show(visit: Visit) -> Response:
    """Answer `/settings`."""
    if not visit.identity.administers_projects:
        raise HTTPException(403)
    site: Site = visit.request.app.state.site
    limits = retentions.list_all(visit.tx)
    return visit.render(
        "settings.html",
        here="settings",
        title=_("Settings"),
        setup=site.setup,
        engine=_engine(visit.tx),
        is_sqlite=site.database.dialect == "sqlite",
        database=site.database.place,
        size=overview.size(visit.tx),
        comments=sum(amounts.in_sources(visit.tx).values(), amounts.NOTHING).comments,
        schema=migrations.version(visit.tx),
        keys=len(visit.keyring.keys),
        sealed=len(stored.names(visit.tx)),
        unopened=credentials.unopened(visit.tx, visit.keyring),
        kept=[
            Kept(bucket=bucket, limits=_limits(limits.get(bucket.id)))
            for bucket in buckets.list_all(visit.tx)
            if visit.identity.may(Permission.BUCKETS_WRITE, bucket.project)
        ],
        may_back_up=visit.identity.is_root,
        version=mailmine.__version__,
        python=f"{platform.python_implementation()} {platform.python_version()}",
        system=f"{platform.system()} {platform.machine()}",
        packages=licences.packages(),
    )


async def backup(request: Request) -> Response:
    """Answer POST `/settings/backup`: one moment of the database, for who may do everything."""
    given = await fields(request)
    noted = await run_in_threadpool(write, request, _note_backup, given)
    site: Site = request.app.state.site
    if noted.status_code != HTTPStatus.NO_CONTENT:
        return noted
    # Not in the threads that answer requests: there are few, and this may take minutes.
    name = f"mailmine-{site.now():%Y-%m-%d-%H%M}.db"
    return await asyncio.to_thread(_copy, site.database, name)


def _note_backup(visit: Visit, given: Fields) -> Response:
    """Write down who takes it away, before he does."""
    del given
    if not visit.identity.is_root:
        raise HTTPException(403)
    site: Site = visit.request.app.state.site
    if site.database.path is None:
        raise HTTPException(404)
    visit.note("backup_downloaded")
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _copy(database: Database, name: str) -> Response:
    folder = database.path.parent if database.path else Path.cwd()
    # Beside the database, where there is room for what it holds.
    descriptor, place = tempfile.mkstemp(dir=folder, prefix=COPIES, suffix=".db")
    file = os.fdopen(descriptor, "rb")
    try:
        database.copy_to(Path(place))
        size = os.fstat(descriptor).st_size
    except BaseException:
        file.close()
        raise
    finally:
        # It has no name from here on, so that it is gone with its reader, however that ends.
        Path(place).unlink()
    return StreamingResponse(
        _pieces(file),
        media_type="application/vnd.sqlite3",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Length": str(size),
            "Cache-Control": "no-store",
        },
    )


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece


def _engine(tx: Transaction) -> str:
    if tx.dialect.name == "sqlite":
        return f"SQLite {sqlite3.sqlite_version}"
    version = ".".join(map(str, tx.dialect.server_version_info or ()))
    return f"PostgreSQL {version}"


def _limits(retention: Retention | None) -> list[tuple[str, int]]:
    if retention is None:
        return []
    days = {label: getattr(retention, f"{kind}_days") for kind, (label, _hint) in KINDS.items()}
    return [(_(label), number) for label, number in days.items() if number]
