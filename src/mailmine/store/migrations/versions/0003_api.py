"""What the API keeps: uploaded emails, datasets, streams, quotas; and the order in which streams read comments."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TEXT = sa.Text()
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.BigInteger()


def upgrade() -> None:
    """Make the tables, and put the comments that there are in the order in which they came."""
    for name in ("arrival", "revision"):
        op.add_column("comments", sa.Column(name, NUMBER, nullable=False, server_default="0"))
    # Rises with `seq`, within the microseconds that the comments of one page have to themselves.
    op.execute(
        "UPDATE comments SET arrival = ranked.place, revision = ranked.place FROM ("
        "SELECT seq, max(created_at) OVER (PARTITION BY source_id ORDER BY seq) "
        "+ row_number() OVER (PARTITION BY source_id ORDER BY seq) AS place FROM comments"
        ") AS ranked WHERE ranked.seq = comments.seq"
    )
    op.add_column("sources", sa.Column("last_place", NUMBER, nullable=False, server_default="0"))
    op.execute(
        "UPDATE sources SET last_place = coalesce("
        "(SELECT max(arrival) FROM comments WHERE comments.source_id = sources.id), 0)"
    )
    op.create_index("comments_source_id_arrival", "comments", ["source_id", "arrival"])
    op.create_index("comments_source_id_revision", "comments", ["source_id", "revision"])
    op.create_table(
        "uploads",
        sa.Column(
            "email_key", NUMBER, sa.ForeignKey("emails.key", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("mailbox", TEXT, nullable=False),
        sa.Column("timestamp", MOMENT, nullable=False),
        sa.Column("metadata", TEXT, nullable=False),
        sa.Column("has_metadata", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "fills",
        sa.Column(
            "source_id", TEXT, sa.ForeignKey("sources.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("after_key", NUMBER, nullable=False),
        sa.Column("done", NUMBER, nullable=False),
        sa.Column("total", NUMBER, nullable=False),
        sa.Column("begun_at", MOMENT, nullable=False),
    )
    op.create_table(
        "datasets",
        sa.Column("id", TEXT, primary_key=True),
        _of("project_id", "projects.id"),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("description", TEXT, nullable=False),
        sa.Column("has_sentiment", sa.Boolean(), nullable=False),
        sa.Column("model_family", TEXT, nullable=False),
        sa.Column("flags", TEXT, nullable=False),
        sa.Column("definitions", TEXT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.UniqueConstraint("project_id", "name"),
    )
    op.create_table(
        "dataset_sources",
        _of("dataset_id", "datasets.id"),
        _of("source_id", "sources.id"),
        sa.PrimaryKeyConstraint("dataset_id", "source_id"),
    )
    op.create_index("dataset_sources_source_id", "dataset_sources", ["source_id"])
    op.create_table(
        "streams",
        sa.Column("id", TEXT, primary_key=True),
        _of("dataset_id", "datasets.id"),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("description", TEXT, nullable=False),
        sa.Column("comment_filter", TEXT, nullable=False),
        sa.Column("model", TEXT),
        sa.Column("updates", TEXT, nullable=False),
        sa.Column("position", TEXT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.UniqueConstraint("dataset_id", "name"),
    )
    op.create_table(
        "stream_exceptions",
        _of("stream_id", "streams.id"),
        sa.Column("uid", TEXT, nullable=False),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("stream_id", "uid"),
    )
    op.create_table(
        "comment_attachments",
        sa.Column("reference", TEXT, primary_key=True),
        _of("source_id", "sources.id"),
        sa.Column("comment_id", TEXT, nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("content_type", TEXT, nullable=False),
        sa.Column("size", NUMBER, nullable=False),
        sa.Column("content_hash", TEXT, nullable=False),
        sa.UniqueConstraint("source_id", "comment_id", "index"),
    )
    op.add_column(
        "tokens",
        sa.Column("is_further", sa.Boolean(), nullable=False, server_default=sa.text("false")),
    )
    op.add_column("tokens", sa.Column("scope", TEXT))
    op.create_table(
        "quotas",
        sa.Column("kind", TEXT, primary_key=True),
        sa.Column("hard_limit", NUMBER, nullable=False),
        sa.Column("auto_increase_up_to", NUMBER),
    )


def _of(name: str, target: str) -> sa.Column[str]:
    return sa.Column(name, TEXT, sa.ForeignKey(target, ondelete="CASCADE"), nullable=False)
