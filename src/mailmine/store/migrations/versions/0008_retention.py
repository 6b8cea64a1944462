"""How long a bucket keeps what it holds, and contents that nothing names any more."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TEXT = sa.Text()
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "retentions",
        sa.Column(
            "bucket_id", TEXT, sa.ForeignKey("buckets.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("comments_days", sa.Integer()),
        sa.Column("emails_days", sa.Integer()),
        sa.Column("attachments_days", sa.Integer()),
        sa.Column("emptied_to", NUMBER, nullable=False),
    )
    op.create_table(
        "orphans",
        sa.Column("content_hash", TEXT, primary_key=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
    )
