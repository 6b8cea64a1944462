"""The tables, once for both databases. `migrations` brings a database here; a test holds the two together.

Later issues only add: partitions, and a search index filled in the background (8), touch `comments` and
`comment_words` alone.
"""

from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    UniqueConstraint,
    event,
    false,
    func,
    text,
    true,
)

from mailmine.model import integration
from mailmine.model.email import Metadata
from mailmine.model.integration import Filters, FolderStatus, Trouble
from mailmine.model.notice import Notice
from mailmine.model.past_round import PastRound
from mailmine.model.token_scope import TokenScope
from mailmine.store.types import Bytes, Json, Moment, Number, Text

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s",
        "fk": "%(table_name)s_%(column_0_N_name)s_fk",
    }
)


def _id() -> Column[str]:
    return Column("id", Text, primary_key=True)


def _times() -> tuple[Column[Any], Column[Any]]:
    return Column("created_at", Moment, nullable=False), Column(
        "updated_at", Moment, nullable=False
    )


def _of(name: str, target: str) -> Column[Any]:
    """Refer to the row that this one goes with."""
    return Column(name, ForeignKey(target, ondelete="CASCADE"), nullable=False)


projects = Table(
    "projects",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    *_times(),
)

buckets = Table(
    "buckets",
    metadata,
    _id(),
    _of("project_id", "projects.id"),
    Column("name", Text, nullable=False),
    Column("title", Text, nullable=False),
    *_times(),
    UniqueConstraint("project_id", "name"),
)

sources = Table(
    "sources",
    metadata,
    _id(),
    _of("project_id", "projects.id"),
    Column("name", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("should_translate", Boolean, nullable=False),
    Column("bucket_id", ForeignKey("buckets.id", ondelete="SET NULL"), index=True),
    Column("transform_tag", Text),
    Column("kind", Text, nullable=False),
    # The last place of a comment that was given (see `comments`).
    Column("last_place", Number, nullable=False, server_default="0"),
    *_times(),
    UniqueConstraint("project_id", "name"),
)

integrations = Table(
    "integrations",
    metadata,
    _id(),
    _of("project_id", "projects.id"),
    Column("name", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("connection", Json(integration.Connection), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("disabled_reason", Text),
    Column("trouble", Json(Trouble)),
    *_times(),
    UniqueConstraint("project_id", "name"),
)

mailboxes = Table(
    "mailboxes",
    metadata,
    _id(),
    _of("integration_id", "integrations.id"),
    Column("address", Text, nullable=False),
    Column("bucket_id", ForeignKey("buckets.id"), nullable=False, index=True),
    Column("enabled", Boolean, nullable=False),
    Column("disabled_reason", Text),
    Column("trouble", Json(Trouble)),
    Column("start_at", Moment),
    Column("filters", Json(Filters), nullable=False),
    Column("sync_attachments", Boolean, nullable=False),
    *_times(),
    Column("last_round_at", Moment),
    Column("next_due_at", Moment, nullable=False, index=True),
    # Somebody asked for a round while one was running: the next is due then at the latest.
    Column("woken_at", Moment),
    Column("lease_owner", Text),
    Column("lease_until", Moment),
    # Grows with every claim: the fencing token.
    Column("lease_epoch", Number, nullable=False),
    # The process that read it last, and knows it: it stays there unless it is late there, or somebody woke it.
    Column("read_by", Text),
    # As long as its folders look like this, and until then, there is nothing to do.
    Column("rest_tree", Text),
    Column("rest_until", Moment),
)
Index(
    "mailboxes_integration_id_address_key",
    mailboxes.c.integration_id,
    func.lower(mailboxes.c.address),
    unique=True,
)

# What is due of one integration, however much of it there is: SQLite is not asked for that (store.turns).
Index(
    "mailboxes_integration_id_next_due_at",
    mailboxes.c.integration_id,
    mailboxes.c.next_due_at,
    mailboxes.c.id,
).ddl_if(dialect="postgresql")

# Of many mailboxes, few are being read: they are counted with each claim.
Index(
    "mailboxes_lease_until",
    mailboxes.c.lease_until,
    postgresql_where=mailboxes.c.lease_until.is_not(None),
    sqlite_where=mailboxes.c.lease_until.is_not(None),
)

workers = Table(
    "workers",
    metadata,
    _id(),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("version", Text, nullable=False),
    Column("since", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("taken_over", Integer, nullable=False),
    Column("has_room", Boolean, nullable=False, server_default=true()),
)

folders = Table(
    "folders",
    metadata,
    Column("key", Number, primary_key=True),
    _of("mailbox_id", "mailboxes.id"),
    Column("folder_id", Text, nullable=False),
    Column("path", Json(tuple[str, ...]), nullable=False),
    Column("total", Number, nullable=False),
    Column("well_known", Text),
    Column("last_change", Text),
    Column("cursor", Text),
    Column("status", Text, nullable=False, default=FolderStatus.IN_PROGRESS),
    Column("synced_until", Moment),
    Column("last_synced_at", Moment),
    Column("reading_since", Moment),
    Column("is_gone", Boolean, nullable=False),
    Column("trouble", Json(Trouble)),
    Column("emails_read", Number, nullable=False),
    UniqueConstraint("mailbox_id", "folder_id"),
)

emails = Table(
    "emails",
    metadata,
    Column("key", Number, primary_key=True),
    Column("bucket_id", ForeignKey("buckets.id"), nullable=False),
    Column("comment_id", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    # The whole email as msgspec JSON under zstandard.
    Column("record", Bytes, nullable=False),
    Column("raw", Text),
    *_times(),
    # Hashes of its lines, four bytes each, for the emails that answer it; null: not refined with learning yet.
    Column("lines", Bytes),
    UniqueConstraint("bucket_id", "comment_id"),
    Index(None, "bucket_id", "key"),
    # So that what is old is found without reading past the records.
    Index(None, "bucket_id", "created_at"),
)

copy_order = Sequence("copy_order", metadata=metadata)
"""PostgreSQL numbers copies by it; SQLite, with its one writer, counts on from the highest."""

copies = Table(
    "copies",
    metadata,
    # Grows with each put: the copy synced last has the highest.
    Column("order", Number, primary_key=True, autoincrement=False),
    _of("mailbox_id", "mailboxes.id"),
    Column("item_id", Text, nullable=False),
    _of("folder_key", "folders.key"),
    Column("email_key", ForeignKey("emails.key"), nullable=False, index=True),
    # Metadata without the folder, which may be renamed, and without what changes most.
    Column("metadata", Bytes, nullable=False),
    Column("is_read", Boolean),
    Column("is_gone", Boolean, nullable=False),
    UniqueConstraint("mailbox_id", "item_id"),
    Index(None, "folder_key", "item_id"),
)

comments = Table(
    "comments",
    metadata,
    Column("seq", Number, primary_key=True),
    Column("source_id", ForeignKey("sources.id"), nullable=False),
    Column("comment_id", Text, nullable=False),
    # Sorts by `timestamp`; unique, so that pages neither skip nor repeat. See comments.py.
    Column("time_key", Number, nullable=False),
    Column("timestamp", Moment, nullable=False),
    Column("thread_id", Text),
    Column("email_key", ForeignKey("emails.key"), index=True),
    Column("refined", Integer, nullable=False),
    # The order in which comments became visible within their source, and in which their text did last.
    # Microseconds since 1970, about; see comments.py.
    Column("arrival", Number, nullable=False, server_default="0"),
    Column("revision", Number, nullable=False, server_default="0"),
    *_times(),
    # Ready-made for the API: model/wire.py.
    Column("json", Bytes, nullable=False),
    UniqueConstraint("source_id", "comment_id"),
    UniqueConstraint("source_id", "time_key"),
    Index(None, "source_id", "thread_id", "time_key"),
    Index(None, "source_id", "arrival"),
    Index(None, "source_id", "revision"),
    sqlite_autoincrement=True,
)

unindexed = Table(
    "unindexed",
    metadata,
    # Comments that are not in the search index yet; in PostgreSQL alone. See search_index.py.
    _of("source_id", "sources.id"),
    Column("time_key", Number, nullable=False),
    PrimaryKeyConstraint("source_id", "time_key"),
)

thread_links = Table(
    "thread_links",
    metadata,
    _of("source_id", "sources.id"),
    # Exchange's name of a conversation, or an email's that nothing else leads on from. See links.py.
    Column("name", Text, nullable=False),
    Column("leads_to", Text, nullable=False),
    # Of Exchange's names: when the earliest email was sent, and whether the conversation began with it.
    Column("began", Moment),
    Column("is_beginning", Boolean, nullable=False),
    PrimaryKeyConstraint("source_id", "name"),
    Index(None, "source_id", "leads_to"),
)

time_index = Index("comments_time_key", comments.c.time_key, unique=True).ddl_if(dialect="sqlite")
"""In SQLite alone a time key is also the row number in the search index."""

traces = Table(
    "traces",
    metadata,
    _of("source_id", "sources.id"),
    # Places in the order of `comments.revision`, both inclusive. See traces.py.
    Column("last", Number, nullable=False),
    Column("first", Number, nullable=False),
    # As the header `traceparent` (W3C Trace Context).
    Column("parent", Text, nullable=False),
    PrimaryKeyConstraint("source_id", "last"),
)

uploads = Table(
    "uploads",
    metadata,
    Column("email_key", ForeignKey("emails.key", ondelete="CASCADE"), primary_key=True),
    # The Message-ID as the client wrote it.
    Column("id", Text, nullable=False),
    Column("mailbox", Text, nullable=False),
    Column("timestamp", Moment, nullable=False),
    Column("metadata", Json(Metadata), nullable=False),
    Column("has_metadata", Boolean, nullable=False),
)

fills = Table(
    "fills",
    metadata,
    Column("source_id", ForeignKey("sources.id", ondelete="CASCADE"), primary_key=True),
    Column("after_key", Number, nullable=False),
    Column("done", Number, nullable=False),
    Column("total", Number, nullable=False),
    Column("begun_at", Moment, nullable=False),
    # Comments that are there are made once more.
    Column("anew", Boolean, nullable=False, server_default=false()),
)

habits = Table(
    "habits",
    metadata,
    _of("bucket_id", "buckets.id"),
    # An address; a domain begins with its @.
    Column("who", Text, nullable=False),
    # MessagePack: by the hash of a line, who ended with it (0: several).
    Column("seen", Bytes, nullable=False),
    PrimaryKeyConstraint("bucket_id", "who"),
)

datasets = Table(
    "datasets",
    metadata,
    _id(),
    _of("project_id", "projects.id"),
    Column("name", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("has_sentiment", Boolean, nullable=False),
    Column("model_family", Text, nullable=False),
    Column("flags", Json(tuple[str, ...]), nullable=False),
    # As clients wrote them: what may stand there is the API's to check.
    Column("definitions", Json(dict[str, Any]), nullable=False),
    *_times(),
    UniqueConstraint("project_id", "name"),
)

dataset_sources = Table(
    "dataset_sources",
    metadata,
    _of("dataset_id", "datasets.id"),
    _of("source_id", "sources.id"),
    PrimaryKeyConstraint("dataset_id", "source_id"),
    Index(None, "source_id"),
)

streams = Table(
    "streams",
    metadata,
    _id(),
    _of("dataset_id", "datasets.id"),
    Column("name", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    # As clients wrote them: what may stand there is the API's to check.
    Column("comment_filter", Json(dict[str, Any]), nullable=False),
    Column("model", Json(dict[str, Any])),
    Column("updates", Text, nullable=False),
    Column("position", Json(dict[str, int]), nullable=False),
    *_times(),
    UniqueConstraint("dataset_id", "name"),
)

stream_exceptions = Table(
    "stream_exceptions",
    metadata,
    _of("stream_id", "streams.id"),
    Column("uid", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("at", Moment, nullable=False),
    PrimaryKeyConstraint("stream_id", "uid"),
)

quotas = Table(
    "quotas",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("hard_limit", Number, nullable=False),
    Column("auto_increase_up_to", Number),
)

bucket_quotas = Table(
    "bucket_quotas",
    metadata,
    Column("bucket_id", ForeignKey("buckets.id", ondelete="CASCADE"), primary_key=True),
    # Nothing = no limit.
    Column("comments", Number),
    Column("bytes", Number),
)

project_quotas = Table(
    "project_quotas",
    metadata,
    Column("project_id", ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    # Nothing = no limit.
    Column("comments", Number),
    Column("bytes", Number),
)

amounts = Table(
    "amounts",
    metadata,
    # What came to a bucket or a source, or left it: see amounts.py.
    _id(),
    Column("bucket_id", ForeignKey("buckets.id", ondelete="CASCADE"), index=True),
    Column("source_id", ForeignKey("sources.id", ondelete="CASCADE"), index=True),
    Column("comments", Number, nullable=False),
    Column("bytes", Number, nullable=False),
)

removals = Table(
    "removals",
    metadata,
    # A source, a bucket or an integration: it goes before this row does.
    _id(),
    Column("kind", Text, nullable=False),
    Column("done", Number, nullable=False),
    Column("total", Number, nullable=False),
    Column("begun_at", Moment, nullable=False),
)

retentions = Table(
    "retentions",
    metadata,
    Column("bucket_id", ForeignKey("buckets.id", ondelete="CASCADE"), primary_key=True),
    # Days; nothing = for good.
    Column("comments_days", Integer),
    Column("emails_days", Integer),
    Column("attachments_days", Integer),
)

orphans = Table(
    "orphans",
    metadata,
    Column("content_hash", Text, primary_key=True),
    Column("since", Moment, nullable=False),
)

attachments = Table(
    "attachments",
    metadata,
    Column("reference", Text, primary_key=True),
    Column("email_key", ForeignKey("emails.key"), nullable=False),
    Column("index", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("size", Number, nullable=False),
    Column("content_hash", Text, nullable=False),
    UniqueConstraint("email_key", "index"),
)

comment_attachments = Table(
    "comment_attachments",
    metadata,
    Column("reference", Text, primary_key=True),
    _of("source_id", "sources.id"),
    Column("comment_id", Text, nullable=False),
    Column("index", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("size", Number, nullable=False),
    Column("content_hash", Text, nullable=False),
    UniqueConstraint("source_id", "comment_id", "index"),
)

attachment_queue = Table(
    "attachment_queue",
    metadata,
    _of("mailbox_id", "mailboxes.id"),
    Column("item_id", Text, nullable=False),
    Column("email_key", ForeignKey("emails.key"), nullable=False),
    Column("index", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_try_at", Moment, nullable=False),
    PrimaryKeyConstraint("mailbox_id", "email_key", "index"),
    Index(None, "mailbox_id", "next_try_at"),
)

rechecks = Table(
    "rechecks",
    metadata,
    _of("folder_key", "folders.key"),
    Column("kind", Text, nullable=False),
    Column("item_id", Text, nullable=False),
    PrimaryKeyConstraint("folder_key", "kind", "item_id"),
)

strikes = Table(
    "strikes",
    metadata,
    # A mailbox, an integration, or an Exchange by its name (sync/claiming.py).
    Column("subject", Text, primary_key=True),
    Column("code", Text, nullable=False),
    Column("times", Integer, nullable=False),
    Column("since", Moment, nullable=False),
    Column("last_at", Moment, nullable=False),
    Column("hold_until", Moment),
)

failures = Table(
    "failures",
    metadata,
    _of("mailbox_id", "mailboxes.id"),
    _of("folder_key", "folders.key"),
    Column("item_id", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("first_at", Moment, nullable=False),
    Column("last_at", Moment, nullable=False),
    Column("next_try_at", Moment),
    PrimaryKeyConstraint("mailbox_id", "item_id"),
    Index(None, "mailbox_id", "next_try_at"),
)

rounds = Table(
    "rounds",
    metadata,
    _of("mailbox_id", "mailboxes.id"),
    Column("began_at", Moment, nullable=False),
    Column("past", Json(PastRound), nullable=False),
    PrimaryKeyConstraint("mailbox_id", "began_at"),
)

events = Table(
    "events",
    metadata,
    Column("id", Number, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("kind", Text, nullable=False),
    # No foreign keys: what happened stays told when what it happened to is gone.
    Column("integration_id", Text),
    Column("mailbox_id", Text),
    Column("user_id", Text),
    Column("detail", Json(dict[str, str | int | float | bool | None]), nullable=False),
    sqlite_autoincrement=True,
)

users = Table(
    "users",
    metadata,
    _id(),
    Column("username", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("password_hash", Text),
    Column("global_permissions", Json(frozenset[str]), nullable=False),
    Column("project_permissions", Json(dict[str, frozenset[str]]), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("is_enabled", Boolean, nullable=False),
    Column(
        "sso_global_permissions", Json(frozenset[str]), nullable=False, server_default=text("'[]'")
    ),
)
Index("users_username_key", func.lower(users.c.username), unique=True)

user_identities = Table(
    "user_identities",
    metadata,
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    _of("user_id", "users.id"),
    PrimaryKeyConstraint("issuer", "subject"),
)

tokens = Table(
    "tokens",
    metadata,
    _id(),
    _of("user_id", "users.id"),
    Column("name", Text, nullable=False),
    Column("token_hash", Text, nullable=False, unique=True),
    Column("is_further", Boolean, nullable=False, server_default=text("false")),
    Column("scope", Json(TokenScope)),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("last_used_at", Moment),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id_hash", Text, primary_key=True),
    _of("user_id", "users.id"),
    Column("created_at", Moment, nullable=False),
    Column("last_seen_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("ciphertext", Bytes, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("updated_at", Moment, nullable=False),
)

settings = Table(
    "settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    # Only what somebody chose; see subscriptions.py.
    _of("user_id", "users.id"),
    Column("topic", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("wanted", Boolean, nullable=False),
    PrimaryKeyConstraint("user_id", "topic", "channel"),
)

warnings = Table(
    "warnings",
    metadata,
    # A mailbox or an integration.
    Column("subject", Text, nullable=False),
    _of("integration_id", "integrations.id"),
    Column("mailbox_id", ForeignKey("mailboxes.id", ondelete="CASCADE")),
    Column("code", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("since", Moment, nullable=False),
    Column("ends_at", Moment),
    Column("told_at", Moment, nullable=False),
    PrimaryKeyConstraint("subject", "code"),
)

incidents = Table(
    "incidents",
    metadata,
    # A mailbox or an integration.
    Column("subject", Text, nullable=False),
    Column("topic", Text, nullable=False),
    _of("integration_id", "integrations.id"),
    Column("mailbox_id", ForeignKey("mailboxes.id", ondelete="CASCADE")),
    Column("code", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("began_at", Moment, nullable=False),
    Column("told_at", Moment),
    Column("back_at", Moment),
    Column("back_told_at", Moment),
    PrimaryKeyConstraint("subject", "topic"),
)

deliveries = Table(
    "deliveries",
    metadata,
    _id(),
    # None: a channel of a whole project.
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE")),
    Column("channel", Text, nullable=False),
    Column("notices", Json(tuple[Notice, ...]), nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False),
    # While it is being sent, when another may try: the lease.
    Column("next_try_at", Moment, nullable=False),
    Column("last_error", Text),
    Column("ended_at", Moment),
    Column("read_at", Moment),
    Index(None, "state", "next_try_at"),
    Index(None, "user_id", "channel", "created_at"),
    Index(None, "created_at"),
)

BY_HAND = {
    "sqlite": (
        # Contentless: the words are made from `comments.json` again when a row goes (search_index.py),
        # so that no text is kept twice. The row number is the time key: hits come by time without sorting.
        (
            "CREATE VIRTUAL TABLE comment_words USING fts5"
            "(source, words, content='', columnsize=0, tokenize='unicode61 remove_diacritics 2')"
        ),
        # A page of mail is gathered whole before it is written, and merged less often: a third less work.
        "INSERT INTO comment_words (comment_words, rank) VALUES ('hashsize', 8388608)",
        "INSERT INTO comment_words (comment_words, rank) VALUES ('automerge', 8)",
    ),
    "postgresql": (
        (
            "CREATE TABLE comment_words (source_id TEXT NOT NULL REFERENCES sources (id), "
            "time_key BIGINT NOT NULL, words TSVECTOR NOT NULL, PRIMARY KEY (source_id, time_key))"
        ),
        "CREATE INDEX comment_words_words ON comment_words USING gin (words)",
        # Compressed already.
        "ALTER TABLE emails ALTER COLUMN record SET STORAGE EXTERNAL",
        # Three times as quick as the default; a few builds of PostgreSQL come without it.
        (
            "DO $$ BEGIN ALTER TABLE comments ALTER COLUMN json SET COMPRESSION lz4; "
            "EXCEPTION WHEN feature_not_supported THEN NULL; END $$"
        ),
    ),
}
"""What SQLAlchemy has no words for: the search index of comments, and how rows are compressed."""


@event.listens_for(metadata, "after_create")
def _finish(target: MetaData, connection: Connection, **options: object) -> None:
    del target, options
    for statement in BY_HAND[connection.dialect.name]:
        connection.execute(text(statement))
