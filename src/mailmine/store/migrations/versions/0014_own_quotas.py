"""How much one bucket and one project may hold, and what is being removed."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TEXT = sa.Text()
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    for of in ("bucket", "project"):
        op.create_table(
            f"{of}_quotas",
            sa.Column(
                f"{of}_id", TEXT, sa.ForeignKey(f"{of}s.id", ondelete="CASCADE"), primary_key=True
            ),
            sa.Column("comments", NUMBER),
            sa.Column("bytes", NUMBER),
        )
    op.create_table(
        "removals",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("done", NUMBER, nullable=False),
        sa.Column("total", NUMBER, nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
    )
