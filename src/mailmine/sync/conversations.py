"""Keeps conversations together, in whatever order their emails arrive.

Each email names where its conversation began as far as it knows (`refine.thread`): many clients name only the email
that they answer. What that one itself answers is known once it is here, before or after those that answer it.
So a conversation is named after the topmost email that leads on; nothing depends on the order of arrival.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection as Transaction

from mailmine.model.ids import CommentId, SourceId, ThreadId
from mailmine.refine import thread
from mailmine.store import comments
from mailmine.store.comments import Counts, NewComment


def put(
    tx: Transaction, source_id: SourceId, made: Sequence[NewComment], *, at: datetime
) -> Counts:
    """Keep comments of emails, each in its conversation; those that waited for one of them move along."""
    # An email and the conversation that begins with it have the same name.
    leads = {one.comment.id: CommentId(one.comment.thread_id or one.comment.id) for one in made}
    leads |= comments.leads(tx, source_id, set(leads.values()) - leads.keys())
    tops = {own: _top(own, leads) for own in (one.comment.id for one in made)}
    replies = [ThreadId(own) for own, top in tops.items() if top != ThreadId(own)]
    waiting = [
        (stored, tops[CommentId(stored.comment.thread_id or "")])
        for stored in comments.of_threads(tx, source_id, replies)
        if stored.comment.id not in tops
    ]
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


def _top(own: CommentId, leads: Mapping[CommentId, CommentId]) -> ThreadId:
    """Follow from an email to the last that is known; where they lead in a circle, to the first of it by name."""
    passed: dict[CommentId, int] = {}
    at = own
    while at not in passed:
        passed[at] = len(passed)
        at = leads.get(at, at)
    return ThreadId(min(list(passed)[passed[at] :]))
