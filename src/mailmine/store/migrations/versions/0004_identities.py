"""By what identities of a provider users are known, and what they may do everywhere because it says so."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TEXT = sa.Text()


def upgrade() -> None:
    """Make the table and the column."""
    op.add_column(
        "users",
        sa.Column("sso_global_permissions", TEXT, nullable=False, server_default=sa.text("'[]'")),
    )
    op.create_table(
        "user_identities",
        sa.Column("issuer", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("user_id", TEXT, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "subject"),
    )
