"""A mailbox stays with the process that read it last; one in which nothing happens is known by how its folders look."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns."""
    op.add_column("mailboxes", sa.Column("read_by", sa.Text))
    op.add_column("mailboxes", sa.Column("rest_tree", sa.Text))
    op.add_column("mailboxes", sa.Column("rest_until", sa.BigInteger))
