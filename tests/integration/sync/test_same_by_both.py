"""Either way of reading gives the same comments for the same mail."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from exchange_simulator import Exchange, mail
from mailmine.model.comment import Comment
from mailmine.model.integration import Backend
from mailmine.store import buckets
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from mailmine.sync.filling import Filling, begin_anew
from mailmine.sync.refinery import Here
from mailmine.sync.round import utc_now
from tests.integration.sync.conftest import ACCOUNT, APP, ORDERS, PASSWORD, TENANT, World


@contextmanager
def a_world(exchange: Exchange, address: str, backend: Backend) -> Iterator[World]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = Database.open(f"sqlite:///{folder / 'mailmine.db'}")
        database.migrate()
        blobs = Blobs.open(folder / "blobs")
        yield World(exchange, address, database, blobs, folder, backend=backend)
        database.close()


async def comments_by(exchange: Exchange, address: str, backend: Backend) -> dict[str, Comment]:
    with a_world(exchange, address, backend) as world:
        world.configure(sync_attachments=True)
        await world.sync()
        await refine_anew(world)
        return {comment.id: without_references(comment) for comment in world.comments()}


async def refine_anew(world: World) -> None:
    """Let no comment depend on which emails came before its own."""
    with world.database.write() as tx:
        for bucket in buckets.list_all(tx):
            begin_anew(tx, bucket.id, at=utc_now())
    filling = Filling(world.database, refinery=Here())
    while await filling.step():
        pass
    filling.close()


def without_references(comment: Comment) -> Comment:
    """Leave out what is made anew by each installation."""
    attachments = tuple(replace(one, attachment_reference=None) for one in comment.attachments)
    return replace(comment, attachments=attachments)


@pytest.mark.corpus
async def test_ews_and_graph_give_the_same_comments(tmp_path: Path, shared: Path) -> None:
    exchange = Exchange(folder=tmp_path)
    exchange.account(ACCOUNT, password=PASSWORD)
    exchange.application(APP, tenant=TENANT, secret=PASSWORD)
    exchange.grant(ACCOUNT, mailbox=ORDERS)
    mail.load(exchange.mailbox(ORDERS), shared / "corpus")
    with exchange.serve() as address:
        by_ews = await comments_by(exchange, address, Backend.EWS)
        by_graph = await comments_by(exchange, address, Backend.GRAPH)
    exchange.close()
    assert len(by_ews) > 500
    assert by_graph.keys() == by_ews.keys()
    different = {
        id_: (by_ews[id_], by_graph[id_]) for id_ in by_ews if by_ews[id_] != by_graph[id_]
    }
    assert not different
