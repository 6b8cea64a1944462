"""Datasets read the comments of some sources; streams read datasets."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, select, update

from mailmine.model.ids import DatasetId, ProjectId, SourceId
from mailmine.store.errors import NotFound
from mailmine.store.schema import dataset_sources, datasets, projects
from mailmine.store.types import new_id
from mailmine.store.upsert import insert


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """One dataset."""

    id: DatasetId
    project_id: ProjectId
    project: str
    """The project's name."""
    name: str
    title: str
    description: str
    has_sentiment: bool
    model_family: str
    flags: tuple[str, ...]
    definitions: Mapping[str, Any]
    """What its labels and fields are called, as clients said."""
    source_ids: tuple[SourceId, ...]
    created_at: datetime
    updated_at: datetime


def list_all(tx: Connection, project: str | None = None) -> tuple[Dataset, ...]:
    """All datasets (of the project named `project`), by project and name."""
    query = _rows().order_by(projects.c.name, datasets.c.name)
    return _all(tx, query if project is None else query.where(projects.c.name == project))


def get(tx: Connection, project: str, name: str) -> Dataset | None:
    """Find the dataset `name` of the project named `project`."""
    return _one(tx, _rows().where(projects.c.name == project, datasets.c.name == name))


def by_id(tx: Connection, dataset_id: DatasetId) -> Dataset | None:
    """Find a dataset by its id."""
    return _one(tx, _rows().where(datasets.c.id == dataset_id))


def add(
    tx: Connection,
    project_id: ProjectId,
    name: str,
    *,
    title: str,
    description: str,
    has_sentiment: bool,
    model_family: str,
    flags: tuple[str, ...],
    definitions: Mapping[str, Any],
    source_ids: Collection[SourceId],
    at: datetime,
) -> Dataset:
    """Make a dataset. Raises Conflict if the name is taken, NotFound if there is no such project or source."""
    dataset_id = DatasetId(new_id())
    tx.execute(
        insert(tx, datasets).values(
            id=dataset_id,
            project_id=project_id,
            name=name,
            title=title,
            description=description,
            has_sentiment=has_sentiment,
            model_family=model_family,
            flags=flags,
            definitions=definitions,
            created_at=at,
            updated_at=at,
        )
    )
    _connect(tx, dataset_id, source_ids)
    (dataset,) = _all(tx, _rows().where(datasets.c.id == dataset_id))
    return dataset


def save(tx: Connection, dataset: Dataset) -> None:
    """Write what a dataset is now; its id, project and name stay. Raises NotFound if it or a source is gone."""
    values = asdict(dataset)
    for name in ("id", "project_id", "project", "name", "source_ids", "created_at"):
        del values[name]
    done = tx.execute(update(datasets).where(datasets.c.id == dataset.id).values(**values))
    if done.rowcount == 0:
        raise NotFound(f"The dataset {dataset.name} does not exist any more.")
    tx.execute(delete(dataset_sources).where(dataset_sources.c.dataset_id == dataset.id))
    _connect(tx, dataset.id, dataset.source_ids)


def remove(tx: Connection, dataset_id: DatasetId) -> None:
    """Forget a dataset with its streams; the comments belong to its sources and stay."""
    tx.execute(delete(datasets).where(datasets.c.id == dataset_id))


def _connect(tx: Connection, dataset_id: DatasetId, source_ids: Collection[SourceId]) -> None:
    if source_ids:
        tx.execute(
            insert(tx, dataset_sources),
            [
                {"dataset_id": dataset_id, "source_id": source_id}
                for source_id in dict.fromkeys(source_ids)
            ],
        )


def _rows() -> Select[Any]:
    return select(datasets, projects.c.name.label("project")).join(projects)


def _all(tx: Connection, query: Select[Any]) -> tuple[Dataset, ...]:
    found = [_dataset(row) for row in tx.execute(query)]
    read = _sources(tx, [dataset.id for dataset in found])
    return tuple(replace(one, source_ids=tuple(read.get(one.id, ()))) for one in found)


def _one(tx: Connection, query: Select[Any]) -> Dataset | None:
    return next(iter(_all(tx, query)), None)


def _dataset(row: Row[Any]) -> Dataset:
    return Dataset(**row._asdict(), source_ids=())


def _sources(tx: Connection, ids: Iterable[DatasetId]) -> dict[DatasetId, list[SourceId]]:
    mine = dataset_sources.c.dataset_id.in_(list(ids))
    read: dict[DatasetId, list[SourceId]] = {}
    query = select(dataset_sources).where(mine).order_by(dataset_sources.c.source_id)
    for row in tx.execute(query):
        read.setdefault(row.dataset_id, []).append(row.source_id)
    return read
