"""Sources: the comments of a bucket, or those that clients put in."""

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection as Transaction

from mailmine.api import addresses
from mailmine.api.answers import ok
from mailmine.api.asking import Asked, Asker, Data
from mailmine.api.errors import NotFoundError
from mailmine.model.ids import SourceId
from mailmine.model.wire import timestamp
from mailmine.store import projects, sources
from mailmine.store.sources import Source

router = APIRouter(prefix="/api/v1/sources", tags=["sources"])


@router.get("")
def read_all(request: Request, asker: Asker, data: Data) -> Response:
    """List the sources of all projects."""
    with data.read() as tx:
        found = sources.list_all(tx)
    return ok(request, sources=[_json(one) for one in found if asker.sees(one.project)])


@router.get("/{source:address}")
def read(request: Request, source: str, asker: Asker, data: Data) -> Response:
    """Tell of one source."""
    with data.read() as tx:
        return ok(request, source=_json(find(tx, source, asker)))


@router.get("/{project}")
def read_project(request: Request, project: str, asker: Asker, data: Data) -> Response:
    """List the sources of one project."""
    missing = f"There is no project {project}."
    asker.check(project, missing)
    with data.read() as tx:
        if projects.get(tx, project) is None:
            raise NotFoundError(missing)
        found = sources.list_all(tx, project)
    return ok(request, sources=[_json(one) for one in found])


def find(tx: Transaction, address: str, asker: Asked) -> Source:
    """Find the source that a path names. Raises NotFoundError or ForbiddenError."""
    return addresses.find(
        "source",
        address,
        asker,
        by_id=lambda key: sources.by_id(tx, SourceId(key)),
        by_name=lambda project, name: sources.get(tx, project, name),
    )


def _json(source: Source) -> dict[str, object]:
    return {
        "id": source.id,
        "owner": source.project,
        "name": source.name,
        "title": source.title,
        "description": source.description,
        "language": source.language,
        "should_translate": source.should_translate,
        "bucket_id": source.bucket_id,
        "email_transform_tag": source.transform_tag,
        "_kind": source.kind,
        "created_at": timestamp(source.created_at),
        "updated_at": timestamp(source.updated_at),
    }
