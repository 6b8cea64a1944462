"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXT = sa.Text()
BYTES = sa.LargeBinary()
BOOLEAN = sa.Boolean()
INTEGER = sa.Integer()
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.BigInteger()

BY_HAND = {
    "sqlite": (
        (
            "CREATE VIRTUAL TABLE comment_words USING fts5"
            "(source, words, content='', columnsize=0, tokenize='unicode61 remove_diacritics 2')"
        ),
        "INSERT INTO comment_words (comment_words, rank) VALUES ('hashsize', 8388608)",
        "INSERT INTO comment_words (comment_words, rank) VALUES ('automerge', 8)",
    ),
    "postgresql": (
        (
            "CREATE TABLE comment_words (source_id TEXT NOT NULL REFERENCES sources (id), "
            "time_key BIGINT NOT NULL, words TSVECTOR NOT NULL, PRIMARY KEY (source_id, time_key))"
        ),
        "CREATE INDEX comment_words_words ON comment_words USING gin (words)",
        "ALTER TABLE emails ALTER COLUMN record SET STORAGE EXTERNAL",
        (
            "DO $$ BEGIN ALTER TABLE comments ALTER COLUMN json SET COMPRESSION lz4; "
            "EXCEPTION WHEN feature_not_supported THEN NULL; END $$"
        ),
    ),
}


def upgrade() -> None:
    """Make all tables."""
    dialect = op.get_bind().dialect.name
    is_sqlite = dialect == "sqlite"
    if not is_sqlite:
        op.execute(sa.schema.CreateSequence(sa.Sequence("copy_order")))
    op.create_table(
        "events",
        sa.Column("id", NUMBER, primary_key=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("integration_id", TEXT),
        sa.Column("mailbox_id", TEXT),
        sa.Column("user_id", TEXT),
        sa.Column("detail", TEXT, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "projects",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("name", TEXT, nullable=False, unique=True),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("description", TEXT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
    )
    op.create_table(
        "secrets",
        sa.Column("name", TEXT, primary_key=True),
        sa.Column("ciphertext", BYTES, nullable=False),
        sa.Column("key_id", TEXT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
    )
    op.create_table(
        "settings",
        sa.Column("name", TEXT, primary_key=True),
        sa.Column("value", TEXT, nullable=False),
    )
    op.create_table(
        "users",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("username", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=False),
        sa.Column("password_hash", TEXT),
        sa.Column("global_permissions", TEXT, nullable=False),
        sa.Column("project_permissions", TEXT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("is_enabled", BOOLEAN, nullable=False),
    )
    op.create_index("users_username_key", "users", [sa.text("lower(username)")], unique=True)
    op.create_table(
        "buckets",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column(
            "project_id", TEXT, sa.ForeignKey("projects.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.UniqueConstraint("project_id", "name"),
    )
    op.create_table(
        "integrations",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column(
            "project_id", TEXT, sa.ForeignKey("projects.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("connection", TEXT, nullable=False),
        sa.Column("enabled", BOOLEAN, nullable=False),
        sa.Column("disabled_reason", TEXT),
        sa.Column("trouble", TEXT),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.UniqueConstraint("project_id", "name"),
    )
    op.create_table(
        "sessions",
        sa.Column("id_hash", TEXT, primary_key=True),
        sa.Column("user_id", TEXT, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("last_seen_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
    )
    op.create_table(
        "tokens",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("user_id", TEXT, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("token_hash", TEXT, nullable=False, unique=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.Column("last_used_at", MOMENT),
    )
    op.create_table(
        "emails",
        sa.Column("key", NUMBER, primary_key=True),
        sa.Column("bucket_id", TEXT, sa.ForeignKey("buckets.id"), nullable=False),
        sa.Column("comment_id", TEXT, nullable=False),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("record", BYTES, nullable=False),
        sa.Column("raw", TEXT),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.UniqueConstraint("bucket_id", "comment_id"),
    )
    op.create_index("emails_bucket_id_key", "emails", ["bucket_id", "key"])
    op.create_table(
        "mailboxes",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column(
            "integration_id",
            TEXT,
            sa.ForeignKey("integrations.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("address", TEXT, nullable=False),
        sa.Column("bucket_id", TEXT, sa.ForeignKey("buckets.id"), nullable=False),
        sa.Column("enabled", BOOLEAN, nullable=False),
        sa.Column("disabled_reason", TEXT),
        sa.Column("trouble", TEXT),
        sa.Column("start_at", MOMENT),
        sa.Column("filters", TEXT, nullable=False),
        sa.Column("sync_attachments", BOOLEAN, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("last_round_at", MOMENT),
        sa.Column("next_due_at", MOMENT, nullable=False),
        sa.Column("woken_at", MOMENT),
        sa.Column("lease_owner", TEXT),
        sa.Column("lease_until", MOMENT),
        sa.Column("lease_epoch", NUMBER, nullable=False),
    )
    op.create_index("mailboxes_bucket_id", "mailboxes", ["bucket_id"])
    op.create_index(
        "mailboxes_integration_id_address_key",
        "mailboxes",
        ["integration_id", sa.text("lower(address)")],
        unique=True,
    )
    op.create_index("mailboxes_next_due_at", "mailboxes", ["next_due_at"])
    op.create_table(
        "sources",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column(
            "project_id", TEXT, sa.ForeignKey("projects.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("description", TEXT, nullable=False),
        sa.Column("language", TEXT, nullable=False),
        sa.Column("should_translate", BOOLEAN, nullable=False),
        sa.Column("bucket_id", TEXT, sa.ForeignKey("buckets.id", ondelete="SET NULL")),
        sa.Column("transform_tag", TEXT),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.UniqueConstraint("project_id", "name"),
    )
    op.create_index("sources_bucket_id", "sources", ["bucket_id"])
    op.create_table(
        "attachment_queue",
        sa.Column(
            "mailbox_id", TEXT, sa.ForeignKey("mailboxes.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("item_id", TEXT, nullable=False),
        sa.Column("email_key", NUMBER, sa.ForeignKey("emails.key"), nullable=False),
        sa.Column("index", INTEGER, nullable=False),
        sa.Column("attempts", INTEGER, nullable=False),
        sa.Column("next_try_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("mailbox_id", "email_key", "index"),
    )
    op.create_index(
        "attachment_queue_mailbox_id_next_try_at", "attachment_queue", ["mailbox_id", "next_try_at"]
    )
    op.create_table(
        "attachments",
        sa.Column("reference", TEXT, primary_key=True),
        sa.Column("email_key", NUMBER, sa.ForeignKey("emails.key"), nullable=False),
        sa.Column("index", INTEGER, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("content_type", TEXT, nullable=False),
        sa.Column("size", NUMBER, nullable=False),
        sa.Column("content_hash", TEXT, nullable=False),
        sa.UniqueConstraint("email_key", "index"),
    )
    op.create_table(
        "comments",
        sa.Column("seq", NUMBER, primary_key=True),
        sa.Column("source_id", TEXT, sa.ForeignKey("sources.id"), nullable=False),
        sa.Column("comment_id", TEXT, nullable=False),
        sa.Column("time_key", NUMBER, nullable=False),
        sa.Column("timestamp", MOMENT, nullable=False),
        sa.Column("thread_id", TEXT),
        sa.Column("email_key", NUMBER, sa.ForeignKey("emails.key")),
        sa.Column("refined", INTEGER, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("json", BYTES, nullable=False),
        sa.UniqueConstraint("source_id", "comment_id"),
        sa.UniqueConstraint("source_id", "time_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("comments_email_key", "comments", ["email_key"])
    op.create_index(
        "comments_source_id_thread_id_time_key", "comments", ["source_id", "thread_id", "time_key"]
    )
    if is_sqlite:
        op.create_index("comments_time_key", "comments", ["time_key"], unique=True)
    op.create_table(
        "folders",
        sa.Column("key", NUMBER, primary_key=True),
        sa.Column(
            "mailbox_id", TEXT, sa.ForeignKey("mailboxes.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("folder_id", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("total", NUMBER, nullable=False),
        sa.Column("well_known", TEXT),
        sa.Column("last_change", TEXT),
        sa.Column("cursor", TEXT),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("synced_until", MOMENT),
        sa.Column("last_synced_at", MOMENT),
        sa.Column("reading_since", MOMENT),
        sa.Column("is_gone", BOOLEAN, nullable=False),
        sa.Column("trouble", TEXT),
        sa.Column("emails_read", NUMBER, nullable=False),
        sa.UniqueConstraint("mailbox_id", "folder_id"),
    )
    op.create_table(
        "copies",
        sa.Column("order", NUMBER, primary_key=True, autoincrement=False),
        sa.Column(
            "mailbox_id", TEXT, sa.ForeignKey("mailboxes.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("item_id", TEXT, nullable=False),
        sa.Column(
            "folder_key", NUMBER, sa.ForeignKey("folders.key", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("email_key", NUMBER, sa.ForeignKey("emails.key"), nullable=False),
        sa.Column("metadata", BYTES, nullable=False),
        sa.Column("is_read", BOOLEAN),
        sa.Column("is_gone", BOOLEAN, nullable=False),
        sa.UniqueConstraint("mailbox_id", "item_id"),
    )
    op.create_index("copies_email_key", "copies", ["email_key"])
    op.create_index("copies_folder_key_item_id", "copies", ["folder_key", "item_id"])
    op.create_table(
        "failures",
        sa.Column(
            "mailbox_id", TEXT, sa.ForeignKey("mailboxes.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column(
            "folder_key", NUMBER, sa.ForeignKey("folders.key", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("item_id", TEXT, nullable=False),
        sa.Column("code", TEXT, nullable=False),
        sa.Column("message", TEXT, nullable=False),
        sa.Column("attempts", INTEGER, nullable=False),
        sa.Column("first_at", MOMENT, nullable=False),
        sa.Column("last_at", MOMENT, nullable=False),
        sa.Column("next_try_at", MOMENT),
        sa.PrimaryKeyConstraint("mailbox_id", "item_id"),
    )
    op.create_index("failures_mailbox_id_next_try_at", "failures", ["mailbox_id", "next_try_at"])
    for statement in BY_HAND[dialect]:
        op.execute(statement)
