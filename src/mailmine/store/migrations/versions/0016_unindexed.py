"""Many comments that arrive together are indexed afterwards, in PostgreSQL."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make a table."""
    op.create_table(
        "unindexed",
        sa.Column(
            "source_id", sa.Text(), sa.ForeignKey("sources.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("time_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("source_id", "time_key"),
    )
