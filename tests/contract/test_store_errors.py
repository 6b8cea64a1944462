"""Every function of the store says in the same words that the database cannot be used.

A new public function needs its row in `CALLS`: a test fails without.
"""

import importlib
import inspect
import pkgutil
import shutil
import sqlite3
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError

import mailmine.store
from mailmine.model import integration as model
from mailmine.model.comment_filter import CommentFilter
from mailmine.model.email import Metadata
from mailmine.model.facts import Wanted
from mailmine.model.ids import (
    AttachmentReference,
    BucketId,
    ContentHash,
    DatasetId,
    EmailKey,
    FolderKey,
    IntegrationId,
    ItemId,
    MailboxId,
    ProjectId,
    SourceId,
    StreamId,
    ThreadId,
    TokenId,
    UserId,
)
from mailmine.model.notice import PersonalChannel, Topic
from mailmine.model.past_round import PastRound
from mailmine.store import (
    amounts,
    arrivals,
    attachments,
    batches,
    buckets,
    comment_attachments,
    comments,
    contents,
    copies,
    datasets,
    deliveries,
    emails,
    events,
    explore,
    failures,
    fills,
    folders,
    habits,
    identities,
    incidents,
    integrations,
    leases,
    links,
    mailboxes,
    migrations,
    moving,
    orphans,
    overview,
    projects,
    pulse,
    quotas,
    rechecks,
    removals,
    retentions,
    rounds,
    schema,
    search,
    search_index,
    secrets,
    selection,
    sessions,
    settings,
    sources,
    streams,
    strikes,
    subscriptions,
    threads,
    tokens,
    traces,
    turns,
    uploads,
    users,
    warnings,
    workers,
)
from mailmine.store.amounts import Amount
from mailmine.store.database import Database, _translate
from mailmine.store.errors import Conflict, DatabaseUnavailable, StoreError
from mailmine.store.leases import Lease, Release
from mailmine.store.links import Link
from tests import postgresql
from tests.contract.store_world import NOW, comment, comment_id, email, seen

PROJECT, SOURCE, USER = ProjectId("p"), SourceId("s"), UserId("u")
BUCKET = BucketId("b")
DATASET = DatasetId("d")
INTEGRATION, MAILBOX = IntegrationId("i"), MailboxId("m")
KEY, FOLDER, ITEM = EmailKey(1), FolderKey(1), ItemId("item")
LEASE = Lease(mailbox_id=MAILBOX, owner="a", epoch=1, until=NOW)
WAITING = attachments.QueuedAttachment(
    mailbox_id=MAILBOX, item_id=ITEM, email_key=KEY, index=0, attempts=0, next_try_at=NOW
)
WANTED = attachments.WantedAttachment(item_id=ITEM, email_key=KEY, index=0)
SOMEBODY = users.User(
    id=USER,
    username="ana",
    email="",
    password_hash=None,
    global_permissions=frozenset(),
    project_permissions={},
    created_at=NOW,
    is_enabled=True,
)
IDENTITY = identities.UserIdentity(issuer="i", subject="s", user_id=USER)
COPY = copies.NewCopy(
    mailbox_id=MAILBOX, folder_key=FOLDER, item_id=ITEM, email_key=KEY, metadata=Metadata()
)
PAGE: dict[str, Any] = {
    "newest_first": True,
    "after": None,
    "limit": 1,
    "since": None,
    "until": None,
}
PLACE = folders.FolderPlace(
    key=FOLDER,
    cursor=None,
    status=model.FolderStatus.UP_TO_DATE,
    last_change=None,
    synced_until=None,
    at=NOW,
)
FILE: dict[str, Any] = {
    "name": "a",
    "content_type": "b",
    "size": 1,
    "content_hash": ContentHash("0"),
}
ROUND = PastRound(
    at=NOW,
    took=timedelta(seconds=1),
    ending="done",
    new=1,
    moved=0,
    gone=0,
    failed=0,
    requests=1,
    octets=1,
    throttled=0.0,
    code=None,
    answers={"200": 1},
)
PULSE = pulse.Pulse(
    comment=0, copy=0, event=0, round_at=None, removed=(0, 0, 0), sources=frozenset()
)
WORKER = workers.Worker(id="w", host="h", pid=1, version="1", since=NOW, seen_at=NOW, taken_over=0)
STRIKES = strikes.Strikes(code="c", times=1, since=NOW, last_at=NOW, hold_until=None)
CONNECTION = model.Connection(endpoint="https://x")

STREAM = streams.Stream(
    id=StreamId("0" * 16),
    dataset_id=DATASET,
    name="s",
    title="",
    description="",
    comment_filter={},
    model=None,
    updates=streams.Updates.TEXT,
    position={},
    created_at=NOW,
    updated_at=NOW,
)
SET = datasets.Dataset(
    id=DATASET,
    project_id=PROJECT,
    project="p",
    name="d",
    title="",
    description="",
    has_sentiment=False,
    model_family="",
    flags=(),
    definitions={},
    source_ids=(SOURCE,),
    created_at=NOW,
    updated_at=NOW,
)
SHOWN = sources.Source(
    id=SOURCE,
    project_id=PROJECT,
    project="p",
    name="s",
    title="",
    description="",
    language="en",
    should_translate=False,
    bucket_id=None,
    transform_tag=None,
    kind="",
    created_at=NOW,
    updated_at=NOW,
)
TEAM = projects.Project(
    id=PROJECT, name="p", title="", description="", created_at=NOW, updated_at=NOW
)
LIMIT = quotas.Quota(kind="sources", hard_limit=1, auto_increase_up_to=None)
OWN_LIMIT = quotas.OwnQuota(comments=1)
UPLOAD = uploads.Upload(
    email_key=KEY, id="<a>", mailbox="", timestamp=NOW, metadata=Metadata(), has_metadata=False
)

RECIPIENT = deliveries.Recipient(user_id=None, channel="p/webhook")
WARNING = warnings.StandingWarning(
    integration_id=INTEGRATION,
    mailbox_id=MAILBOX,
    code="c",
    message="",
    since=NOW,
    ends_at=None,
    told_at=NOW,
)
INCIDENT = incidents.Incident(
    subject="m",
    topic=Topic.MAILBOX_DISABLED,
    integration_id=INTEGRATION,
    mailbox_id=MAILBOX,
    code="c",
    message="m",
    began_at=NOW,
)

BODY = "confidential"

STORED = comments.StoredComment(
    seq=1,
    time_key=1,
    source_id=SOURCE,
    json=b"{}",
    email_key=None,
    refined=1,
    created_at=NOW,
    updated_at=NOW,
)

CALLS: dict[Callable[..., Any], Callable[[Connection], Any]] = {
    attachments.by_reference: lambda tx: attachments.by_reference(tx, AttachmentReference("r")),
    attachments.done: lambda tx: attachments.done(tx, WAITING),
    attachments.failed: lambda tx: attachments.failed(tx, WAITING, next_try_at=NOW),
    attachments.of_email: lambda tx: attachments.of_email(tx, KEY),
    attachments.next_try: lambda tx: attachments.next_try(tx, MAILBOX),
    attachments.keep_only: lambda tx: attachments.keep_only(tx, KEY, [0]),
    attachments.put: lambda tx: attachments.put(tx, KEY, 0, **FILE),
    contents.put: lambda tx: contents.put(
        tx, schema.attachments, {"email_key": KEY, "index": 0}, FILE
    ),
    attachments.queue: lambda tx: attachments.queue(tx, MAILBOX, [WANTED], at=NOW),
    attachments.unqueue: lambda tx: attachments.unqueue(tx, MAILBOX),
    attachments.queued: lambda tx: attachments.queued(tx, MAILBOX, NOW, 1),
    buckets.by_id: lambda tx: buckets.by_id(tx, BUCKET),
    amounts.condense: amounts.condense,
    amounts.in_bucket: lambda tx: amounts.in_bucket(tx, BUCKET),
    amounts.in_buckets: amounts.in_buckets,
    amounts.in_projects: amounts.in_projects,
    amounts.in_source: lambda tx: amounts.in_source(tx, SOURCE),
    amounts.in_sources: amounts.in_sources,
    amounts.note_in_bucket: lambda tx: amounts.note_in_bucket(tx, BUCKET, Amount(1, 1)),
    amounts.note_in_source: lambda tx: amounts.note_in_source(tx, SOURCE, Amount(1, 1)),
    amounts.recount: amounts.recount,
    amounts.tidy: lambda tx: amounts.tidy(tx, now=NOW),
    buckets.count_emails: lambda tx: buckets.count_emails(tx, BUCKET),
    buckets.ensure: lambda tx: buckets.ensure(tx, PROJECT, "b"),
    buckets.get: lambda tx: buckets.get(tx, "p", "b"),
    buckets.list_all: buckets.list_all,
    arrivals.by_minute: lambda tx: arrivals.by_minute(tx, [SOURCE], since=NOW, minutes=1),
    comments.count_before: lambda tx: comments.count_before(tx, SOURCE, NOW, most=5),
    comments.remove_before: lambda tx: comments.remove_before(tx, SOURCE, NOW, limit=5),
    comment_attachments.keep_listed: lambda tx: comment_attachments.keep_listed(
        tx, SOURCE, {comment_id("a"): ()}
    ),
    comment_attachments.remove: lambda tx: comment_attachments.remove(
        tx, SOURCE, [comment_id("a")]
    ),
    attachments.forget: lambda tx: attachments.forget(tx, [KEY]),
    orphans.add: lambda tx: orphans.add(tx, {ContentHash("a" * 64)}),
    orphans.lined_up: lambda tx: orphans.lined_up(tx, NOW, limit=5),
    orphans.named: lambda tx: orphans.named(tx, [ContentHash("a" * 64)]),
    orphans.drop: lambda tx: orphans.drop(tx, [ContentHash("a" * 64)], NOW),
    retentions.list_all: retentions.list_all,
    retentions.of_bucket: lambda tx: retentions.of_bucket(tx, BUCKET),
    retentions.put: lambda tx: retentions.put(tx, retentions.Retention(bucket_id=BUCKET)),
    retentions.due: lambda tx: retentions.due(
        tx, retentions.Retention(bucket_id=BUCKET, comments_days=1), now=NOW
    ),
    retentions.remove_comments: lambda tx: retentions.remove_comments(tx, BUCKET, NOW, limit=5),
    retentions.empty_emails: lambda tx: retentions.empty_emails(tx, BUCKET, NOW, limit=5),
    retentions.old_attachments: lambda tx: retentions.old_attachments(tx, BUCKET, NOW, limit=5),
    comments.count: lambda tx: comments.count(tx, SOURCE),
    comments.get: lambda tx: comments.get(tx, SOURCE, comment_id("a")),
    comments.json_page: lambda tx: comments.json_page(
        tx, "p", "s", after=None, limit=1, since=None, until=None
    ),
    comments.of_emails: lambda tx: comments.of_emails(tx, [KEY]),
    comments.page: lambda tx: comments.page(tx, SOURCE, **PAGE),
    comments.put: lambda tx: comments.put(tx, SOURCE, [comment("a")], at=NOW),
    comments.leads: lambda tx: comments.leads(tx, SOURCE, [comment_id("a")]),
    comments.of_threads: lambda tx: comments.of_threads(tx, SOURCE, [ThreadId("t")]),
    comments.thread: lambda tx: comments.thread(tx, SOURCE, ThreadId("t")),
    comments.take_turns: lambda tx: comments.take_turns(tx, BUCKET),
    comments.thread_sizes: lambda tx: comments.thread_sizes(tx, SOURCE, [ThreadId("t")]),
    copies.by_fingerprints: lambda tx: copies.by_fingerprints(tx, MAILBOX, ["f"]),
    copies.by_items: lambda tx: copies.by_items(tx, MAILBOX, [ITEM]),
    copies.mark_gone: lambda tx: copies.mark_gone(tx, MAILBOX, FOLDER, [ITEM]),
    copies.of_emails: lambda tx: copies.of_emails(tx, [KEY]),
    copies.put: lambda tx: copies.put(tx, [COPY]),
    copies.set_read: lambda tx: copies.set_read(tx, MAILBOX, {ITEM: True}),
    deliveries.add: lambda tx: deliveries.add(tx, RECIPIENT, [], at=NOW),
    deliveries.claim: lambda tx: deliveries.claim(tx, now=NOW, until=NOW, limit=1),
    deliveries.count_unread: lambda tx: deliveries.count_unread(tx, USER),
    deliveries.counts: lambda tx: deliveries.counts(tx, NOW),
    deliveries.end: lambda tx: deliveries.end(tx, "d", deliveries.State.SENT, at=NOW),
    deliveries.held: deliveries.held,
    deliveries.inbox: lambda tx: deliveries.inbox(tx, USER, 1),
    deliveries.is_due: lambda tx: deliveries.is_due(tx, NOW),
    deliveries.latest: lambda tx: deliveries.latest(tx, 1),
    deliveries.mark_read: lambda tx: deliveries.mark_read(tx, USER, ["d"], at=NOW),
    deliveries.remove: lambda tx: deliveries.remove(tx, ["d"]),
    deliveries.remove_before: lambda tx: deliveries.remove_before(tx, NOW),
    deliveries.retry: lambda tx: deliveries.retry(tx, "d", next_try_at=NOW, error="e"),
    emails.by_comment_id: lambda tx: emails.by_comment_id(tx, BUCKET, comment_id("a")),
    emails.get: lambda tx: emails.get(tx, KEY),
    emails.known: lambda tx: emails.known(tx, BUCKET, [comment_id("a")]),
    emails.put: lambda tx: emails.put(tx, BUCKET, [email("a")], at=NOW),
    emails.scan: lambda tx: emails.scan(tx, BUCKET, after=None, limit=1),
    events.after: lambda tx: events.after(tx, 0, 1),
    events.append: lambda tx: events.append(tx, "configured", at=NOW),
    events.last_id: events.last_id,
    events.settled_after: lambda tx: events.settled_after(tx, 0, 1),
    events.page: lambda tx: events.page(tx, before=None, limit=1),
    failures.next_try: lambda tx: failures.next_try(tx, MAILBOX),
    failures.of_emails: lambda tx: failures.of_emails(tx, [KEY]),
    failures.reasons: lambda tx: failures.reasons(tx, INTEGRATION),
    failures.due: lambda tx: failures.due(tx, MAILBOX, NOW, 1),
    failures.among_items: lambda tx: failures.among_items(tx, MAILBOX, FOLDER, [ItemId("a")]),
    failures.of_mailbox: lambda tx: failures.of_mailbox(tx, MAILBOX, 1),
    failures.record: lambda tx: failures.record(
        tx, MAILBOX, FOLDER, ITEM, code="c", message="m", at=NOW, next_try_at=None
    ),
    failures.leave: lambda tx: failures.leave(tx, MAILBOX),
    failures.retry: lambda tx: failures.retry(tx, MAILBOX, at=NOW),
    failures.resolve: lambda tx: failures.resolve(tx, MAILBOX, [ITEM]),
    folders.forget_place: lambda tx: folders.forget_place(tx, FOLDER),
    folders.loads: folders.loads,
    folders.of_integration: lambda tx: folders.of_integration(tx, INTEGRATION),
    folders.of_mailbox: lambda tx: folders.of_mailbox(tx, MAILBOX),
    folders.save_places: lambda tx: folders.save_places(tx, [PLACE]),
    folders.early: lambda tx: folders.early(tx, MAILBOX),
    folders.save_tree: lambda tx: folders.save_tree(tx, MAILBOX, [seen("Inbox")], is_complete=True),
    folders.start_anew: lambda tx: folders.start_anew(tx, FOLDER),
    folders.set_trouble: lambda tx: folders.set_trouble(tx, FOLDER, None),
    identities.add: lambda tx: identities.add(tx, IDENTITY),
    identities.get: lambda tx: identities.get(tx, "i", "s"),
    incidents.list_all: incidents.list_all,
    incidents.put: lambda tx: incidents.put(tx, INCIDENT),
    incidents.remove: lambda tx: incidents.remove(tx, INCIDENT),
    identities.of_user: lambda tx: identities.of_user(tx, USER),
    integrations.by_id: lambda tx: integrations.by_id(tx, INTEGRATION),
    integrations.by_ids: lambda tx: integrations.by_ids(tx, [INTEGRATION]),
    integrations.get: lambda tx: integrations.get(tx, "p", "i"),
    integrations.list_all: integrations.list_all,
    integrations.save: lambda tx: integrations.save(
        tx, PROJECT, "i", title="", connection=CONNECTION
    ),
    integrations.set_connection: lambda tx: integrations.set_connection(
        tx, INTEGRATION, CONNECTION
    ),
    integrations.set_enabled: lambda tx: integrations.set_enabled(tx, INTEGRATION, enabled=True),
    integrations.set_trouble: lambda tx: integrations.set_trouble(tx, INTEGRATION, None),
    mailboxes.of_bucket: lambda tx: mailboxes.of_bucket(tx, BUCKET),
    mailboxes.is_any_disabled: lambda tx: mailboxes.is_any_disabled(tx, model.DisabledReason.QUOTA),
    mailboxes.by_id: lambda tx: mailboxes.by_id(tx, MAILBOX),
    mailboxes.by_ids: lambda tx: mailboxes.by_ids(tx, [MAILBOX]),
    leases.begin_claiming: lambda tx: leases.begin_claiming(tx, NOW),
    mailboxes.put_right: lambda tx: mailboxes.put_right(tx, NOW),
    mailboxes.postpone: lambda tx: mailboxes.postpone(tx, [MAILBOX], until=NOW, now=NOW),
    leases.claim: lambda tx: leases.claim(tx, [MAILBOX], owner="a", now=NOW, until=NOW),
    turns.due: lambda tx: turns.due(tx, NOW, limit=1),
    leases.end_lease: lambda tx: leases.end_lease(tx, MAILBOX),
    leases.end_leases: leases.end_leases,
    leases.guard: lambda tx: leases.guard(tx, LEASE),
    mailboxes.list_all: mailboxes.list_all,
    mailboxes.lock: lambda tx: mailboxes.lock(tx, [MAILBOX]),
    turns.next_due: turns.next_due,
    mailboxes.of_integration: lambda tx: mailboxes.of_integration(tx, INTEGRATION),
    turns.of_reader: lambda tx: turns.of_reader(tx, "a"),
    leases.release: lambda tx: leases.release(
        tx, Release(lease=LEASE, next_due_at=NOW, round_ended_at=None)
    ),
    mailboxes.remove: lambda tx: mailboxes.remove(tx, MAILBOX),
    leases.release_all: lambda tx: leases.release_all(
        tx, [Release(lease=LEASE, next_due_at=NOW, round_ended_at=None)]
    ),
    leases.renew_all: lambda tx: leases.renew_all(tx, [LEASE], until=NOW),
    mailboxes.save: lambda tx: mailboxes.save(tx, INTEGRATION, "a@x", bucket_id=BUCKET),
    mailboxes.set_enabled: lambda tx: mailboxes.set_enabled(tx, MAILBOX, enabled=True),
    mailboxes.set_trouble: lambda tx: mailboxes.set_trouble(tx, MAILBOX, None),
    mailboxes.wake: lambda tx: mailboxes.wake(tx, MAILBOX, NOW),
    migrations.is_current: migrations.is_current,
    migrations.is_usable: migrations.is_usable,
    migrations.upgrade: migrations.upgrade,
    migrations.version: migrations.version,
    overview.queues: overview.queues,
    overview.size: overview.size,
    overview.take: overview.take,
    projects.by_id: lambda tx: projects.by_id(tx, PROJECT),
    projects.ensure: lambda tx: projects.ensure(tx, "p"),
    projects.get: lambda tx: projects.get(tx, "p"),
    projects.list_all: projects.list_all,
    pulse.take: lambda tx: pulse.take(tx, since=PULSE),
    rechecks.add: lambda tx: rechecks.add(tx, FOLDER, rechecks.Kind.LEFT, [ITEM]),
    rechecks.begin: lambda tx: rechecks.begin(tx, FOLDER, rechecks.Kind.PLACE),
    rechecks.drop: lambda tx: rechecks.drop(tx, FOLDER, rechecks.Kind.PLACE, [ITEM]),
    rechecks.drop_all: lambda tx: rechecks.drop_all(tx, FOLDER, rechecks.Kind.LEFT),
    rechecks.pending: lambda tx: rechecks.pending(tx, MAILBOX),
    rechecks.take: lambda tx: rechecks.take(tx, FOLDER, rechecks.Kind.PLACE, limit=1),
    rounds.add: lambda tx: rounds.add(tx, MAILBOX, ROUND),
    rounds.of_mailbox: lambda tx: rounds.of_mailbox(tx, MAILBOX),
    search.find: lambda tx: search.find(tx, SOURCE, "word", before=None, limit=1),
    search_index.add: lambda tx: search_index.add(tx, SOURCE, [(1, comment("a").comment)]),
    search_index.index: lambda tx: search_index.index(tx, SOURCE, [(1, comment("a").comment)]),
    search_index.catch_up: lambda tx: search_index.catch_up(tx, most=1),
    search_index.remove: lambda tx: search_index.remove(tx, SOURCE, [(1, comment("a").comment)]),
    secrets.get: lambda tx: secrets.get(tx, "a"),
    secrets.get_all: lambda tx: secrets.get_all(tx, ["a"]),
    secrets.names: secrets.names,
    secrets.put: lambda tx: secrets.put(tx, "a", b"", "k", at=NOW),
    secrets.remove: lambda tx: secrets.remove(tx, "a"),
    sessions.add: lambda tx: sessions.add(tx, "h", USER, at=NOW, expires_at=NOW),
    sessions.by_hash: lambda tx: sessions.by_hash(tx, "h"),
    sessions.remove: lambda tx: sessions.remove(tx, "h"),
    sessions.remove_expired: lambda tx: sessions.remove_expired(tx, NOW),
    sessions.remove_of_user: lambda tx: sessions.remove_of_user(tx, USER),
    sessions.of_user: lambda tx: sessions.of_user(tx, USER, now=NOW),
    sessions.touch: lambda tx: sessions.touch(tx, "h", NOW),
    moving.contents: lambda tx: list(moving.contents(tx)),
    moving.count: moving.count,
    moving.digest: lambda tx: moving.digest(tx, lambda *_: None),
    moving.is_index_whole: moving.is_index_whole,
    moving.is_unfinished: moving.is_unfinished,
    settings.forget: lambda tx: settings.forget(tx, [MAILBOX]),
    settings.get: lambda tx: settings.get(tx, "a"),
    settings.put: lambda tx: settings.put(tx, "a", "b"),
    settings.remove_older: lambda tx: settings.remove_older(tx, "a", "b"),
    settings.remove: lambda tx: settings.remove(tx, "a"),
    sources.by_id: lambda tx: sources.by_id(tx, SOURCE),
    sources.ensure: lambda tx: sources.ensure(tx, PROJECT, "s"),
    sources.get: lambda tx: sources.get(tx, "p", "s"),
    sources.list_all: sources.list_all,
    sources.of_bucket: lambda tx: sources.of_bucket(tx, BUCKET),
    copies.remove_some: lambda tx: copies.remove_some(tx, MAILBOX, limit=5),
    removals.begin: lambda tx: removals.begin(tx, removals.Kind.INTEGRATION, INTEGRATION, at=NOW),
    removals.end: lambda tx: removals.end(tx, BUCKET),
    removals.hold: lambda tx: removals.hold(tx, BUCKET),
    removals.list_all: removals.list_all,
    removals.progress: lambda tx: removals.progress(tx, BUCKET, more=1),
    strikes.clear: lambda tx: strikes.clear(tx, MAILBOX),
    strikes.end_pauses: lambda tx: strikes.end_pauses(tx, [MAILBOX], NOW),
    strikes.holding: lambda tx: strikes.holding(tx, "c"),
    strikes.of: lambda tx: strikes.of(tx, MAILBOX),
    strikes.of_all: lambda tx: strikes.of_all(tx, [MAILBOX]),
    strikes.put_right: lambda tx: strikes.put_right(tx, after=NOW),
    strikes.put: lambda tx: strikes.put(tx, MAILBOX, STRIKES),
    threads.places: lambda tx: threads.places(tx, [STORED]),
    tokens.add: lambda tx: tokens.add(tx, USER, "t", "h", at=NOW),
    tokens.by_hash: lambda tx: tokens.by_hash(tx, "h"),
    tokens.of_user: lambda tx: tokens.of_user(tx, USER),
    tokens.remove: lambda tx: tokens.remove(tx, TokenId("t")),
    tokens.touch: lambda tx: tokens.touch(tx, TokenId("t"), NOW),
    users.add: lambda tx: users.add(
        tx,
        username="ana",
        email="",
        password_hash=None,
        global_permissions=frozenset(),
        project_permissions={},
    ),
    users.by_id: lambda tx: users.by_id(tx, USER),
    users.by_username: lambda tx: users.by_username(tx, "ana"),
    users.count: users.count,
    users.list_all: users.list_all,
    workers.forget: lambda tx: workers.forget(tx, before=NOW),
    workers.forget_all: workers.forget_all,
    workers.leave: lambda tx: workers.leave(tx, "w"),
    workers.present: lambda tx: workers.present(tx, now=NOW),
    workers.list_all: lambda tx: workers.list_all(tx, now=NOW),
    workers.put: lambda tx: workers.put(tx, WORKER),
    users.save: lambda tx: users.save(tx, SOMEBODY),
    batches.behind: lambda tx: batches.behind(tx, STREAM, [SOURCE]),
    batches.fetch: lambda tx: batches.fetch(
        tx, STREAM, [SOURCE], CommentFilter(), size=1, max_filtered=1
    ),
    buckets.add: lambda tx: buckets.add(tx, PROJECT, "b", title="", at=NOW),
    buckets.remove: lambda tx: buckets.remove(tx, BUCKET),
    buckets.retitle: lambda tx: buckets.retitle(tx, BUCKET, "B", at=NOW),
    comment_attachments.by_reference: lambda tx: comment_attachments.by_reference(
        tx, AttachmentReference("r")
    ),
    comment_attachments.put: lambda tx: comment_attachments.put(
        tx, SOURCE, comment_id("a"), 0, **FILE
    ),
    comments.count_following: lambda tx: comments.count_following(
        tx, SOURCE, comments.Order.ARRIVAL, after=0
    ),
    comments.existing: lambda tx: comments.existing(tx, SOURCE, [comment_id("a")]),
    comments.following: lambda tx: comments.following(
        tx, SOURCE, comments.Order.ARRIVAL, after=0, limit=1
    ),
    comments.remove: lambda tx: comments.remove(tx, SOURCE, [comment_id("a")]),
    comments.remove_some: lambda tx: comments.remove_some(tx, SOURCE, limit=1),
    comments.of_ids: lambda tx: comments.of_ids(tx, SOURCE, [comment_id("a")]),
    comments.span: lambda tx: comments.span(tx, SOURCE),
    datasets.add: lambda tx: datasets.add(
        tx,
        PROJECT,
        "d",
        title="",
        description="",
        has_sentiment=False,
        model_family="",
        flags=(),
        definitions={},
        source_ids=(SOURCE,),
        at=NOW,
    ),
    datasets.by_id: lambda tx: datasets.by_id(tx, DATASET),
    datasets.get: lambda tx: datasets.get(tx, "p", "d"),
    datasets.list_all: datasets.list_all,
    datasets.remove: lambda tx: datasets.remove(tx, DATASET),
    datasets.save: lambda tx: datasets.save(tx, SET),
    emails.comment_ids: lambda tx: emails.comment_ids(tx, [KEY]),
    emails.remove_some: lambda tx: emails.remove_some(tx, BUCKET, limit=1),
    emails.replace_content: lambda tx: emails.replace_content(tx, KEY, email("a"), at=NOW),
    events.by_people: lambda tx: events.by_people(tx, before=None, limit=1, since=None, until=None),
    links.move: lambda tx: links.move(tx, SOURCE, {"a": "b"}),
    links.of: lambda tx: links.of(tx, SOURCE, ["a"]),
    links.put: lambda tx: links.put(tx, SOURCE, {"a": Link("b")}),
    habits.of: lambda tx: habits.of(tx, BUCKET, ["ann@example.com"]),
    habits.put: lambda tx: habits.put(tx, BUCKET, {"ann@example.com": {1: 2}}),
    emails.lines_of: lambda tx: emails.lines_of(tx, BUCKET, [comment_id("a")]),
    emails.set_lines: lambda tx: emails.set_lines(tx, {KEY: [1]}),
    fills.begin: lambda tx: fills.begin(tx, SOURCE, BUCKET, at=NOW),
    fills.end: lambda tx: fills.end(tx, SOURCE),
    fills.list_all: fills.list_all,
    fills.of_source: lambda tx: fills.of_source(tx, SOURCE),
    fills.progress: lambda tx: fills.progress(tx, SOURCE, after_key=KEY, more=1),
    integrations.remove: lambda tx: integrations.remove(tx, INTEGRATION),
    projects.add: lambda tx: projects.add(tx, "p", title="", description="", at=NOW),
    projects.remove: lambda tx: projects.remove(tx, PROJECT),
    projects.save: lambda tx: projects.save(tx, TEAM),
    quotas.list_all: quotas.list_all,
    quotas.of_buckets: quotas.of_buckets,
    quotas.of_projects: quotas.of_projects,
    quotas.put_of_bucket: lambda tx: quotas.put_of_bucket(tx, BUCKET, OWN_LIMIT),
    quotas.put_of_project: lambda tx: quotas.put_of_project(tx, PROJECT, OWN_LIMIT),
    quotas.put: lambda tx: quotas.put(tx, LIMIT),
    quotas.remove: lambda tx: quotas.remove(tx, "sources"),
    explore.look: lambda tx: explore.look(
        tx, SOURCE, Wanted(), before=None, limit=1, counting=True
    ),
    explore.look_all: lambda tx: explore.look_all(tx, [SOURCE], Wanted()),
    explore.neighbours: lambda tx: explore.neighbours(tx, SOURCE, Wanted(), 1),
    explore.span: lambda tx: explore.span(tx, SOURCE, NOW, NOW),
    explore.volume: lambda tx: explore.volume(tx, SOURCE, [NOW, NOW]),
    comments.by_keys: lambda tx: comments.by_keys(tx, SOURCE, [1]),
    search.keys: lambda tx: search.keys(
        tx, SOURCE, search.parse("word"), first=0, end=1, limit=1, newest_first=True
    ),
    streams.tagged: lambda tx: streams.tagged(tx, STREAM.id, 1),
    selection.count: lambda tx: selection.count(tx, [SOURCE], CommentFilter()),
    selection.page: lambda tx: selection.page(tx, [SOURCE], CommentFilter(), after=None, limit=1),
    selection.sample: lambda tx: selection.sample(tx, [SOURCE], CommentFilter(), seed=1, limit=1),
    sources.add: lambda tx: sources.add(
        tx,
        PROJECT,
        "s",
        title="",
        description="",
        language="en",
        should_translate=False,
        bucket_id=None,
        transform_tag=None,
        kind="",
        at=NOW,
    ),
    sources.remove: lambda tx: sources.remove(tx, SOURCE),
    sources.save: lambda tx: sources.save(tx, SHOWN),
    streams.add: lambda tx: streams.add(
        tx,
        DATASET,
        "s",
        title="",
        description="",
        comment_filter={},
        model=None,
        updates=streams.Updates.TEXT,
        at=NOW,
    ),
    streams.advance: lambda tx: streams.advance(tx, STREAM.id, {}),
    streams.count: streams.count,
    streams.exceptions: lambda tx: streams.exceptions(tx, [STREAM.id], ["s.a"]),
    streams.get: lambda tx: streams.get(tx, DATASET, "s"),
    streams.of_dataset: lambda tx: streams.of_dataset(tx, DATASET),
    streams.remove: lambda tx: streams.remove(tx, STREAM.id),
    streams.reset: lambda tx: streams.reset(tx, STREAM.id, NOW),
    streams.save: lambda tx: streams.save(tx, STREAM),
    streams.tag_exceptions: lambda tx: streams.tag_exceptions(tx, STREAM.id, {"s.a": "t"}, at=NOW),
    streams.untag_exceptions: lambda tx: streams.untag_exceptions(tx, STREAM.id, ["s.a"]),
    settings.swap: lambda tx: settings.swap(tx, "a", old=None, new="b"),
    subscriptions.list_all: subscriptions.list_all,
    subscriptions.of_user: lambda tx: subscriptions.of_user(tx, USER),
    subscriptions.put: lambda tx: subscriptions.put(
        tx, USER, Topic.RESOLVED, PersonalChannel.EMAIL, wanted=True
    ),
    traces.note: lambda tx: traces.note(tx, SOURCE, "00", first=1, last=2, at=NOW),
    traces.of_places: lambda tx: traces.of_places(tx, [(SOURCE, 1)]),
    uploads.of_emails: lambda tx: uploads.of_emails(tx, [KEY]),
    uploads.put: lambda tx: uploads.put(tx, [UPLOAD]),
    users.remove: lambda tx: users.remove(tx, USER),
    warnings.list_all: warnings.list_all,
    warnings.of_integration: lambda tx: warnings.of_integration(tx, INTEGRATION),
    warnings.put: lambda tx: warnings.put(tx, WARNING),
    warnings.remove: lambda tx: warnings.remove(tx, WARNING),
}


def name(function: Callable[..., Any]) -> str:
    return f"{function.__module__.removeprefix('mailmine.store.')}.{function.__name__}"


MAKE_STATEMENTS = {"upsert", "among", "many", "statistics"}
"""Modules that the others ask by, and one that asks PostgreSQL alone."""


def test_each_public_function_has_its_row() -> None:
    found = set()
    for module in pkgutil.walk_packages(mailmine.store.__path__, "mailmine.store."):
        if ".migrations.versions" in module.name or module.name.endswith("migrations.env"):
            continue
        contents = importlib.import_module(module.name)
        for function_name, function in inspect.getmembers(contents, inspect.isfunction):
            parameters = list(inspect.signature(function).parameters)
            is_public = not function_name.startswith("_") and function.__module__ == module.name
            asks = module.name.rpartition(".")[2] not in MAKE_STATEMENTS
            if is_public and parameters[:1] == ["tx"] and asks:
                found.add(name(function))
    assert found == set(map(name, CALLS))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def unusable(request: pytest.FixtureRequest, sqlite_template: Path) -> Iterator[Engine]:
    """Make connections to a database that is taken away before their first statement."""
    if request.param == "sqlite":
        file = shutil.copy(sqlite_template, sqlite_template.with_name("locked.db"))
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            # Without WAL, who writes locks out who reads.
            other.execute("PRAGMA journal_mode = DELETE")
            other.execute("BEGIN EXCLUSIVE")
            engine = create_engine(
                "sqlite://", creator=lambda: sqlite3.connect(file, timeout=0, isolation_level=None)
            )
            event.listen(engine, "handle_error", _translate)
            yield engine
            engine.dispose()
    else:
        server: postgresql.Server = request.getfixturevalue("pg_server")
        database = Database.open(request.getfixturevalue("pg_database"))

        @event.listens_for(database._writer, "begin")
        def cut(connection: Connection) -> None:
            driver: psycopg.Connection = connection.connection.dbapi_connection  # type: ignore[assignment]
            with psycopg.connect(server.url("postgres"), autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", [driver.info.backend_pid])

        yield database._writer
        database.close()


@pytest.mark.parametrize("function", CALLS, ids=name)
def test_a_database_that_cannot_be_used_is_said_to_be_so(
    unusable: Engine, function: Callable[..., Any]
) -> None:
    with unusable.connect() as tx, pytest.raises(DatabaseUnavailable):
        CALLS[function](tx)


def test_a_database_that_is_locked_does_not_begin_to_write(tmp_path: Path) -> None:
    first = Database.open(f"sqlite:///{tmp_path / 'a.db'}")
    second = Database.open(f"sqlite:///{tmp_path / 'a.db'}", patience=0)
    with (
        first.write(),
        pytest.raises(DatabaseUnavailable, match="locked"),
        second.write() as tx,
    ):
        projects.list_all(tx)
    first.close()
    second.close()


def test_a_thread_that_writes_for_too_long_is_said_to_do_so(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'a.db'}", patience=0)
    with (
        database.write(),
        pytest.raises(DatabaseUnavailable, match="too long"),
        database.write() as tx,
    ):
        projects.list_all(tx)
    database.close()


def test_a_file_that_is_no_database_is_said_to_be_so(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    file.write_bytes(b"not a database at all" * 100)
    database = Database.open(f"sqlite:///{file}")
    with pytest.raises(DatabaseUnavailable, match=r"not a database.*restore the last copy"):
        database.migrate()
    database.close()


def test_a_file_that_cannot_be_opened_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "a.db").mkdir()
    database = Database.open(f"sqlite:///{tmp_path / 'a.db'}")
    with pytest.raises(DatabaseUnavailable, match=r"unable to open .*belongs to another user"):
        database.migrate()
    database.close()


def test_a_file_that_cannot_be_written_to_is_said_to_be_so(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'a.db'}")
    with (
        pytest.raises(DatabaseUnavailable, match=r"readonly .*belongs to another user"),
        database.read() as tx,  # what reads is opened for reading only
    ):
        tx.execute(text("CREATE TABLE a (b)"))
    database.close()


def test_a_server_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    database = Database.open(f"postgresql://mailmine@/none?host={tmp_path}", patience=1)
    with pytest.raises(DatabaseUnavailable), database.read() as tx:
        projects.list_all(tx)
    database.close()


@pytest.mark.parametrize(
    "url", ["", "mailmine.db", "sqlite://", "sqlite:////no/such/folder/a.db", "mysql://host/name"]
)
def test_a_wrong_address_is_said_to_be_so(url: str) -> None:
    with pytest.raises(DatabaseUnavailable):
        Database.open(url)


def test_a_name_that_is_taken_is_a_conflict(database: Database) -> None:
    def add(username: str) -> None:
        with database.write() as tx:
            users.add(
                tx,
                username=username,
                email="",
                password_hash=None,
                global_permissions=frozenset(),
                project_permissions={},
            )

    add("ana")
    with pytest.raises(Conflict):
        add("ANA")


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.write() as tx:
            projects.ensure(tx, "acme")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.read() as tx:
        assert projects.list_all(tx) == ()


def test_who_reads_sees_one_state_and_does_not_wait_for_who_writes(database: Database) -> None:
    with database.write() as writing:
        projects.ensure(writing, "acme")
        with database.read() as tx:
            assert projects.list_all(tx) == ()


def test_who_reads_cannot_write_in_sqlite(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'a.db'}")
    database.migrate()
    with database.read() as tx, pytest.raises(StoreError, match="readonly"):
        projects.ensure(tx, "acme")
    database.close()


def test_an_error_of_ours_shows_nothing_of_the_mail(database: Database) -> None:
    with database.write() as tx, pytest.raises(SQLAlchemyError) as raised:
        tx.execute(text("SELECT 1 FROM nowhere WHERE body = :body"), {"body": "confidential"})
    assert "confidential" not in str(raised.value)


def test_the_traceback_of_an_error_shows_nothing_of_the_mail(database: Database) -> None:
    # PostgreSQL's own words for this hold the row that it refused.
    statement = text("INSERT INTO settings (name, value) VALUES (:name, NULL)")
    with pytest.raises(Conflict) as raised, database.write() as tx:
        tx.execute(statement, {"name": BODY})
    assert BODY not in "".join(traceback.format_exception(raised.value))


def test_the_traceback_of_an_unusable_database_shows_nothing_of_the_mail(
    tmp_path: Path,
) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'a.db'}")
    database.migrate()
    with pytest.raises(DatabaseUnavailable) as raised, database.read() as tx:
        settings.put(tx, "a", BODY)
    assert BODY not in "".join(traceback.format_exception(raised.value))
    database.close()
