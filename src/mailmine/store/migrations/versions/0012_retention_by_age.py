"""What is old is found by an index; the place up to which emails were emptied is needed no more."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Drop a column, and make an index in its place."""
    op.drop_column("retentions", "emptied_to")
    op.create_index("emails_bucket_id_created_at", "emails", ["bucket_id", "created_at"])
