"""What a stream gives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from mailmine.client import calls, comments
from mailmine.client.calls import Call
from mailmine.client.comments import Comment, Json

Asked = TypeVar("Asked")
"""What asking gives: nothing, or what is to be awaited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item(Generic[Asked]):
    """A comment of a stream, and its place there."""

    stream: str
    """`project/dataset/stream`"""
    comment: Comment
    sequence_id: str
    labels: tuple[Mapping[str, Any], ...]
    """What was predicted, as JSON; mailmine predicts nothing."""
    entities: tuple[Mapping[str, Any], ...]
    _ask: Callable[[Call[None]], Asked] = field(repr=False, compare=False)

    def exception(self, kind: str) -> Asked:
        """Note that this comment needs a person, and why: `No prediction`. An AsyncClient's is to be awaited.

        The stream goes on behind it all the same. Raises Error.
        """
        return self._ask(calls.tag_exception(self.stream, self.comment.uid or "", kind))


def read(data: Json, stream: str, ask: Callable[[Call[None]], Asked]) -> Item[Asked]:
    """Read one of a batch's results."""
    return Item(
        stream=stream,
        comment=comments.read(data["comment"]),
        sequence_id=data["sequence_id"],
        labels=tuple(data.get("labels") or ()),
        entities=tuple(data.get("entities") or ()),
        _ask=ask,
    )
