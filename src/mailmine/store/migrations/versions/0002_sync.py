"""What the sync has to look at again, and how often in a row something failed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXT = sa.Text()
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.BigInteger()


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "rechecks",
        sa.Column(
            "folder_key", NUMBER, sa.ForeignKey("folders.key", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("item_id", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("folder_key", "kind", "item_id"),
    )
    op.create_table(
        "strikes",
        sa.Column("subject", TEXT, primary_key=True),
        sa.Column("code", TEXT, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("last_at", MOMENT, nullable=False),
        sa.Column("hold_until", MOMENT),
    )
