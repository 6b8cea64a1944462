"""Collections: what is selected of them, page by page, each with the link to the next."""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from exchange_simulator.graph.caller import Caller
from exchange_simulator.graph.errors import GraphError
from exchange_simulator.graph.filters import Test, read_filter
from exchange_simulator.graph.query import DEFAULT_PAGE, MOST, read_search

Row = TypeVar("Row")


class Listing(NamedTuple):
    """How a collection is paged."""

    size: int = DEFAULT_PAGE
    """What a page holds where the client does not say."""
    most: int = MOST
    place: str = "skip"
    """The option that says in a link where the next page begins."""


OF_MAIL: Final = Listing()


def collection(
    caller: Caller,
    context: str,
    rows: Sequence[Row],
    write: Callable[[Row], bytes],
    *,
    get: Callable[[Row, str], Any],
    listing: Listing = OF_MAIL,
    search: Callable[[str], Test] = read_search,
) -> bytes:
    """Answer with a page of `rows`: filtered, sorted and cut as the query says. `get` reads a property of a row."""
    query = caller.query
    found = _wanted(caller, rows, get, search)
    if caller.counts:
        return str(len(found)).encode()
    if text := query.get("orderby"):
        for part in reversed(text.split(",")):
            name, _, direction = part.strip().partition(" ")
            found.sort(
                key=lambda row, name=name: str(get(row, name) or "").lower(),  # type: ignore[misc]
                reverse=direction.strip().lower() == "desc",
            )
    skip, top = query.number(listing.place) or 0, query.number("top")
    size = min(top or query.max_page_size or listing.size, listing.most)
    page = found[skip : skip + size]
    link = None
    if skip + size < len(found):
        following = dict(query.options) | {listing.place: str(skip + size)}
        link = f"{caller.url}?{options(following)}"
    return listed(
        caller,
        context,
        [write(row) for row in page],
        next_link=link,
        count=len(found) if (query.get("count") or "").lower() == "true" else None,
    )


def _wanted(
    caller: Caller,
    rows: Sequence[Row],
    get: Callable[[Row, str], Any],
    search: Callable[[str], Test],
) -> list[Row]:
    """Choose what the query searches for and lets through."""
    query = caller.query
    found = list(rows)
    if text := query.get("search"):
        if query.get("filter") or query.get("orderby"):
            # As Exchange answers: a search has an order of its own.
            raise GraphError(
                400, "SearchWithFilter", "$search cannot be used with $filter or $orderby."
            )
        found = _chosen(found, search(text), get)
    if text := query.get("filter"):
        found = _chosen(found, read_filter(text), get)
    return found


def _chosen(rows: Sequence[Row], test: Test, get: Callable[[Row, str], Any]) -> list[Row]:
    return [row for row in rows if test(lambda name, row=row: get(row, name))]  # type: ignore[misc]


def options(given: dict[str, str]) -> str:
    """Write query options."""
    named = {name if name in PLAIN else f"${name}": value for name, value in given.items()}
    return urlencode(named, quote_via=quote, safe="$,()/'")


PLAIN = frozenset({"changetype", "includehiddenfolders"})


def single(caller: Caller, context: str, body: bytes) -> bytes:
    """Say of one object what it is an entity of."""
    named = msgspec.json.encode(f"{caller.base}/$metadata#{context}/$entity")
    return b'{"@odata.context":' + named + b"," + body[1:]


def listed(
    caller: Caller,
    context: str,
    values: Sequence[bytes],
    *,
    next_link: str | None = None,
    delta_link: str | None = None,
    count: int | None = None,
) -> bytes:
    """Write a page."""
    parts = [b'"@odata.context":' + msgspec.json.encode(f"{caller.base}/$metadata#{context}")]
    if count is not None:
        parts.append(b'"@odata.count":' + str(count).encode())
    parts.append(b'"value":[' + b",".join(values) + b"]")
    if next_link is not None:
        parts.append(b'"@odata.nextLink":' + msgspec.json.encode(next_link))
    if delta_link is not None:
        parts.append(b'"@odata.deltaLink":' + msgspec.json.encode(delta_link))
    return b"{" + b",".join(parts) + b"}"
