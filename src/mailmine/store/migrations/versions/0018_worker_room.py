"""Each worker says whether its disk has room; one of an earlier version, which does not, counts as having some."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column(
        "workers",
        sa.Column("has_room", sa.Boolean(), nullable=False, server_default=sa.true()),
    )
