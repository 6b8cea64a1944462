"""Which processes read mailboxes, and an index by which those that are being read are found."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TEXT = sa.Text()


def upgrade() -> None:
    """Make the table and the index."""
    op.create_table(
        "workers",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("host", TEXT, nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("version", TEXT, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("taken_over", sa.Integer(), nullable=False),
    )
    is_leased = sa.text("lease_until IS NOT NULL")
    op.create_index(
        "mailboxes_lease_until",
        "mailboxes",
        ["lease_until"],
        postgresql_where=is_leased,
        sqlite_where=is_leased,
    )
