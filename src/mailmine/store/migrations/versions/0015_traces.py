"""Which traces brought the comments of a source."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text()


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "traces",
        sa.Column(
            "source_id", TEXT, sa.ForeignKey("sources.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("last", NUMBER, nullable=False),
        sa.Column("first", NUMBER, nullable=False),
        sa.Column("parent", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("source_id", "last"),
    )
