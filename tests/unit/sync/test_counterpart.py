"""Which of the attachments that are listed now is the one that was kept."""

import pytest

from mailmine.model.email import Attachment
from mailmine.sync.attachments import counterpart


def named(*names: str) -> list[Attachment]:
    return [
        Attachment(name=name, content_type="text/plain", size=number)
        for number, name in enumerate(names)
    ]


@pytest.mark.parametrize(
    ("kept", "index", "listed", "found"),
    [
        (("a", "b"), 1, ("a", "b"), 1),
        (("a", "b"), 1, ("b", "a"), 0),
        (("a", "a", "b"), 1, ("b", "a", "a"), 1),
        (("a", "a", "b"), 2, ("b", "a", "a"), 0),
        (("a",), 0, ("b",), None),
        (("a", "a"), 1, ("b", "a"), 1),
        (("a", "a", "a"), 2, ("a", "a"), None),
        ((), 0, ("a",), 0),
        ((), 1, ("a",), None),
    ],
)
def test_it_is_found_by_its_name_where_the_order_differs(
    kept: tuple[str, ...], index: int, listed: tuple[str, ...], found: int | None
) -> None:
    there = named(*listed)
    assert counterpart(named(*kept), index, there) == (None if found is None else there[found])
