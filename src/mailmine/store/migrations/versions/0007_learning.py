"""What emails of a bucket have in common, and sources that are made anew."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table and two columns."""
    op.create_table(
        "habits",
        sa.Column(
            "bucket_id", sa.Text(), sa.ForeignKey("buckets.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("seen", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("bucket_id", "who"),
    )
    op.add_column("emails", sa.Column("lines", sa.LargeBinary()))
    op.add_column(
        "fills", sa.Column("anew", sa.Boolean(), nullable=False, server_default=sa.false())
    )
