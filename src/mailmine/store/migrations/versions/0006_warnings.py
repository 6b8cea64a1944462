"""What people are warned of now."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TEXT = sa.Text()
MOMENT = sa.BigInteger()


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "warnings",
        sa.Column("subject", TEXT, nullable=False),
        _of("integration_id", "integrations.id", nullable=False),
        _of("mailbox_id", "mailboxes.id", nullable=True),
        sa.Column("code", TEXT, nullable=False),
        sa.Column("message", TEXT, nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT),
        sa.Column("told_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("subject", "code"),
    )


def _of(name: str, target: str, *, nullable: bool) -> sa.Column[str]:
    return sa.Column(name, TEXT, sa.ForeignKey(target, ondelete="CASCADE"), nullable=nullable)
