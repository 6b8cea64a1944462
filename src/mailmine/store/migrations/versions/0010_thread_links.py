"""What Exchange tells of conversations."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TEXT = sa.Text()


def upgrade() -> None:
    """Make a table."""
    op.create_table(
        "thread_links",
        sa.Column(
            "source_id", TEXT, sa.ForeignKey("sources.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("leads_to", TEXT, nullable=False),
        sa.Column("began", sa.BigInteger()),
        sa.Column("is_beginning", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("source_id", "name"),
    )
    op.create_index("thread_links_source_id_leads_to", "thread_links", ["source_id", "leads_to"])
