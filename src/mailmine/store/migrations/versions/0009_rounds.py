"""The last rounds of each mailbox."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TEXT = sa.Text()


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "rounds",
        sa.Column(
            "mailbox_id", TEXT, sa.ForeignKey("mailboxes.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("past", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("mailbox_id", "began_at"),
    )
