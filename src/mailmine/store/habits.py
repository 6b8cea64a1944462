"""What the emails of a bucket have in common, by sender and by domain: hashes of the lines that they end with."""

from collections.abc import Collection, Mapping

import msgspec
from sqlalchemy import Connection, select

from mailmine.model.ids import BucketId
from mailmine.store import many
from mailmine.store.among import among, of_one
from mailmine.store.schema import habits

_decode = msgspec.msgpack.Decoder(dict[int, int]).decode
_encode = msgspec.msgpack.Encoder().encode


def of(tx: Connection, bucket_id: BucketId, who: Collection[str]) -> dict[str, dict[int, int]]:
    """Find what is known of these senders and domains: by line, who was seen to end with it."""
    if not who:
        return {}
    rows = tx.execute(
        select(habits.c.who, habits.c.seen).where(
            of_one(tx, habits.c.bucket_id, bucket_id), among(tx, habits.c.who, who)
        )
    )
    return {row.who: _decode(row.seen) for row in rows}


def put(tx: Connection, bucket_id: BucketId, seen: Mapping[str, Mapping[int, int]]) -> None:
    """Keep what is known of senders and domains."""
    if seen:
        many.put(
            tx,
            habits,
            # In one order for all writers, so that they never wait in a ring.
            [
                {"bucket_id": bucket_id, "who": who, "seen": _encode(seen[who])}
                for who in sorted(seen)
            ],
            key=("bucket_id", "who"),
            change=("seen",),
        )
