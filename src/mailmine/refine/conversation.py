"""Emails in the order of a conversation: who answered whom (RFC 5256, REFERENCES).

What names no parent, or one that is missing, finds its place by the subject.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mailmine.model.email import Email

_EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
_BLOB = r"\[[^\[\]]{0,200}\]\s*"
_LEADER = re.compile(rf"(?:{_BLOB}){{0,5}}(?:re|fwd?)\s*(?:{_BLOB})?:\s*", re.IGNORECASE)
_TRAILER = re.compile(r"\s*\(fwd\)\s*$", re.IGNORECASE)
_FORWARDED = re.compile(r"\s*\[fwd:(.*)\]\s*$", re.IGNORECASE | re.DOTALL)
_LEADING_BLOB = re.compile(_BLOB)
_MAX_ROUNDS = 50


@dataclass(slots=True, eq=False)
class Node:
    """One email of a conversation and those that answer it."""

    index: int | None = None
    """Of the email among those given; None for one that is only referred to."""
    parent: "Node | None" = None
    children: list["Node"] = field(default_factory=list)

    def is_below(self, other: "Node") -> bool:
        """Whether `other` is this node or one that it hangs from."""
        node: Node | None = self
        while node is not None:
            if node is other:
                return True
            node = node.parent
        return False


def arrange(emails: Sequence[Email], arrived: Sequence[datetime] = ()) -> list[Node]:
    """Make trees of the emails; the oldest comes first everywhere.

    An email that does not say when it was sent counts as sent when it `arrived`.
    """
    moments = _moments(emails, arrived)
    nodes = _linked(emails)
    root = Node(children=[node for node in nodes if node.parent is None])
    _prune(root)
    _sort(root.children, moments)
    _gather_subjects(root, emails)
    for node in _walk(root):
        _sort(node.children, moments)
    return root.children


def by_subject(emails: Sequence[Email], arrived: Sequence[datetime] = ()) -> list[Node]:
    """Make flat groups of the emails with one subject (RFC 5256, ORDEREDSUBJECT)."""
    moments = _moments(emails, arrived)
    groups: dict[str, list[Node]] = {}
    for index, email in enumerate(emails):
        groups.setdefault(base_subject(email.subject)[0], []).append(Node(index))
    roots = []
    for group in groups.values():
        _sort(group, moments)
        group[0].children = group[1:]
        roots.append(group[0])
    _sort(roots, moments)
    return roots


def base_subject(subject: str) -> tuple[str, bool]:
    """Give the subject without what replying and forwarding added, and whether there was any."""
    base = " ".join(subject.split())
    changed = False
    for _ in range(_MAX_ROUNDS):
        before = base
        base = _TRAILER.sub("", base)
        changed = changed or base != before
        leader = _LEADER.match(base)
        if leader:
            base, changed = base[leader.end() :], True
        blob = _LEADING_BLOB.match(base)
        if blob and base[blob.end() :].strip():
            base = base[blob.end() :]
        forwarded = _FORWARDED.match(base)
        if forwarded:
            base, changed = forwarded[1].strip(), True
        if base == before:
            break
    return base.strip().lower(), changed


def _linked(emails: Sequence[Email]) -> list[Node]:
    """Step 1: hang each email below the last of its references."""
    by_id: dict[str, Node] = {}
    nodes = []
    for index, email in enumerate(emails):
        node = by_id.get(email.message_id or "")
        if node is None or node.index is not None:
            # No Message-ID, or one that is taken: it is nobody's parent.
            node = Node()
            if email.message_id and email.message_id not in by_id:
                by_id[email.message_id] = node
        node.index = index
        nodes.append(node)
        above: Node | None = None
        references = email.references or ((email.in_reply_to,) if email.in_reply_to else ())
        for reference in references:
            if reference not in by_id:
                by_id[reference] = Node()
                nodes.append(by_id[reference])
            named = by_id[reference]
            if above and named.parent is None and not above.is_below(named):
                _hang(named, above)
            above = named
        if node.parent is not None:
            node.parent.children.remove(node)
            node.parent = None
        if above and not above.is_below(node):
            _hang(node, above)
    return list(dict.fromkeys(nodes))


def _hang(node: Node, parent: Node) -> None:
    node.parent = parent
    parent.children.append(node)


def _prune(root: Node) -> None:
    """Step 3: an email that is missing gives way to its children, but for a root with several."""
    for node in reversed(list(_walk(root))):
        kept: list[Node] = []
        for child in node.children:
            if child.index is not None:
                kept.append(child)
            elif node is not root or len(child.children) == 1:
                kept.extend(child.children)
            elif child.children:
                kept.append(child)
        for child in kept:
            child.parent = None if node is root else node
        node.children = kept


def _gather_subjects(root: Node, emails: Sequence[Email]) -> None:
    """Step 5: threads with one subject are one thread."""
    table: dict[str, Node] = {}
    for node in root.children:
        subject, is_reply = _subject(node, emails)
        if not subject:
            continue
        known = table.get(subject)
        if known is None or (
            known.index is not None
            and (node.index is None or (_subject(known, emails)[1] and not is_reply))
        ):
            table[subject] = node
    kept: list[Node] = []
    for node in root.children:
        subject, is_reply = _subject(node, emails)
        known = table.get(subject)
        if known is None or known is node:
            kept.append(node)
        elif known.index is None and node.index is None:
            known.children.extend(node.children)
        elif known.index is None or (is_reply and not _subject(known, emails)[1]):
            known.children.append(node)
        else:
            # Neither answers the other: both below one that stands for them.
            first = Node(known.index, children=known.children)
            known.index, known.children = None, [first, node]
    root.children = kept


def _subject(node: Node, emails: Sequence[Email]) -> tuple[str, bool]:
    index = node.index if node.index is not None else node.children[0].index
    return base_subject(emails[index].subject) if index is not None else ("", False)


def _moments(emails: Sequence[Email], arrived: Sequence[datetime]) -> list[datetime]:
    """Tell when each email was sent (RFC 5256, 2.2)."""
    return [
        email.sent_at or (arrived[index] if index < len(arrived) else _EARLIEST)
        for index, email in enumerate(emails)
    ]


def _sort(nodes: list[Node], moments: Sequence[datetime]) -> None:
    """Order by the time of sending, then as given (steps 4 and 6)."""

    def place(node: Node) -> tuple[datetime, int]:
        if node.index is None:
            return min(map(place, node.children), default=(_EARLIEST, 0))
        return moments[node.index], node.index

    nodes.sort(key=place)


def _walk(root: Node) -> Iterator[Node]:
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(node.children)
