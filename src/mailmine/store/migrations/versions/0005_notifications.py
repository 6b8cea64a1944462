"""Who wants to be told what, what stopped and whether it was told, and what is on its way to whom."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TEXT = sa.Text()
MOMENT = sa.BigInteger()


def upgrade() -> None:
    """Make the tables; what happened before is not told any more."""
    op.create_table(
        "subscriptions",
        _of("user_id", "users.id"),
        sa.Column("topic", TEXT, nullable=False),
        sa.Column("channel", TEXT, nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "topic", "channel"),
    )
    op.create_table(
        "incidents",
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("topic", TEXT, nullable=False),
        _of("integration_id", "integrations.id"),
        _of("mailbox_id", "mailboxes.id", nullable=True),
        sa.Column("code", TEXT, nullable=False),
        sa.Column("message", TEXT, nullable=False),
        sa.Column("began_at", MOMENT, nullable=False),
        sa.Column("told_at", MOMENT),
        sa.Column("back_at", MOMENT),
        sa.Column("back_told_at", MOMENT),
        sa.PrimaryKeyConstraint("subject", "topic"),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", TEXT, primary_key=True),
        _of("user_id", "users.id", nullable=True),
        sa.Column("channel", TEXT, nullable=False),
        sa.Column("notices", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", MOMENT, nullable=False),
        sa.Column("last_error", TEXT),
        sa.Column("ended_at", MOMENT),
        sa.Column("read_at", MOMENT),
    )
    op.create_index("deliveries_state_next_try_at", "deliveries", ["state", "next_try_at"])
    op.create_index(
        "deliveries_user_id_channel_created_at", "deliveries", ["user_id", "channel", "created_at"]
    )
    op.create_index("deliveries_created_at", "deliveries", ["created_at"])
    op.execute(
        "INSERT INTO settings (name, value) "
        "SELECT 'notify.event', CAST(coalesce(max(id), 0) AS TEXT) FROM events"
    )


def _of(name: str, target: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, TEXT, sa.ForeignKey(target, ondelete="CASCADE"), nullable=nullable)
