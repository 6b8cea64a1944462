"""Keeps conversations together, in whatever order their emails arrive.

Each email names where its conversation began as far as it knows (`refine.thread`): many clients name only the email
that they answer. What that one itself answers is known once it is here, before or after those that answer it.
So a conversation is named after the topmost email that leads on; nothing depends on the order of arrival.

Some emails lead nowhere: what they answer never came here, or they do not tell, as those in Sent Items that Graph gives
without headers. They are put together by Exchange's name of the conversation. Emails with which a conversation begins
are never put together by it, as old servers give one name to all that have one subject.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection as Transaction

from mailmine.model.ids import CommentId, SourceId, ThreadId
from mailmine.refine import thread
from mailmine.store import comments, links
from mailmine.store.comments import Counts, NewComment
from mailmine.store.links import Link


def put(
    tx: Transaction, source_id: SourceId, made: Sequence[NewComment], *, at: datetime
) -> Counts:
    """Keep comments of emails, each in its conversation; those that waited for one of them move along."""
    # An email and the conversation that begins with it have the same name.
    leads = {one.comment.id: CommentId(one.comment.thread_id or one.comment.id) for one in made}
    leads |= comments.leads(tx, source_id, set(leads.values()) - leads.keys())
    names = {name for one in made if (name := thread.exchange_name(one.comment))}
    known = links.of(tx, source_id, names | leads.keys() | set(leads.values()))
    joining = _Joining(leads, known)
    found_out = joining.follow()
    here = {one.comment.id: one.comment for one in made}
    above = {CommentId(joining.top(own)) for own in here} - here.keys()
    here |= {one.comment.id: one.comment for one in comments.of_ids(tx, source_id, above)}
    joining.beginnings |= {own for own, comment in here.items() if thread.begins(comment)}
    late = found_out & joining.beginnings
    for own in sorted(late - comments.leads(tx, source_id, late).keys()):
        joining.turn(own)
    # In one order, however they arrived.
    for one in sorted(made, key=lambda one: (one.comment.timestamp, one.comment.id)):
        joining.take(one)
    tops = {one.comment.id: joining.top(one.comment.id) for one in made}
    moved = {ThreadId(own): joining.top(own) for own in joining.changed | tops.keys()}
    moved = {own: top for own, top in moved.items() if own != top}
    waiting = [
        (stored, moved[stored.comment.thread_id])
        for stored in comments.of_threads(tx, source_id, moved)
        if stored.comment.id not in tops and stored.comment.thread_id is not None
    ]
    links.move(tx, source_id, {str(old): str(new) for old, new in moved.items()})
    links.put(tx, source_id, joining.new_links())
    joined = [
        replace(one, comment=thread.joined(one.comment, tops[one.comment.id])) for one in made
    ]
    joined += [
        NewComment(
            comment=thread.joined(stored.comment, top),
            email_key=stored.email_key,
            refined=stored.refined,
        )
        for stored, top in waiting
    ]
    return comments.put(tx, source_id, joined, at=at)


@dataclass(slots=True)
class _Joining:
    """Where names lead while comments are put."""

    leads: dict[CommentId, CommentId]
    """By the emails that are here: where each conversation began as far as they know."""
    known: dict[str, Link]
    changed: set[CommentId] = field(default_factory=set)
    """Names that lead elsewhere than their emails say."""
    beginnings: set[CommentId] = field(default_factory=set)
    """Emails with which a conversation begins, as far as they say."""
    _named: set[str] = field(default_factory=set)

    def follow(self) -> set[CommentId]:
        """Let names lead on where that was found out earlier; give those of emails that seemed to lead nowhere."""
        found = set()
        for name, link in self.known.items():
            own = CommentId(name)
            if link.began is None and own != link.leads_to:
                self.leads.setdefault(own, own)
                self._join(own, CommentId(link.leads_to))
                found.add(own)
        return found

    def take(self, new: NewComment) -> None:
        """Put an email to those that Exchange says it belongs to, if it leads nowhere itself."""
        own, at, name = new.comment.id, new.comment.timestamp, thread.exchange_name(new.comment)
        if name is None:
            return
        top = self.top(own)
        is_told = not self.beginnings.isdisjoint({own, CommentId(top)})
        link = self.known.get(name)
        if link is None or link.began is None:
            self._name(name, Link(top, at, is_told))
        elif is_told and link.is_beginning:
            if at < link.began:
                self._name(name, Link(top, at, is_told))
        elif is_told or (not link.is_beginning and at < link.began):
            self._join(CommentId(link.leads_to), CommentId(top))
            self._name(name, Link(top, at, is_told))
        else:
            self._join(CommentId(top), CommentId(link.leads_to))

    def top(self, own: CommentId) -> ThreadId:
        """Follow from an email to the last that is known; where they lead in a circle, to the first of it by name."""
        passed: dict[CommentId, int] = {}
        at = own
        while at not in passed:
            passed[at] = len(passed)
            at = self.leads.get(at, at)
        return ThreadId(min(list(passed)[passed[at] :]))

    def new_links(self) -> dict[str, Link]:
        """Give the links that are to be kept."""
        found = {name: self.known[name] for name in self._named}
        found = {
            name: replace(link, leads_to=self.top(CommentId(link.leads_to)))
            for name, link in found.items()
        }
        return found | {own: Link(self.top(own)) for own in self.changed}

    def _join(self, own: CommentId, other: CommentId) -> None:
        lower, upper = CommentId(self.top(own)), CommentId(self.top(other))
        if lower != upper:
            self.leads[lower] = upper
            self.changed.add(lower)

    def turn(self, own: CommentId) -> None:
        """Name a conversation after the email with which it begins, now that it is here; another's it leaves."""
        top = CommentId(self.top(own))
        self.leads[own] = own
        self.changed.add(own)
        if top not in self.beginnings:
            self.leads[top] = own
            self.changed.add(top)

    def _name(self, name: str, link: Link) -> None:
        self.known[name] = link
        self._named.add(name)
