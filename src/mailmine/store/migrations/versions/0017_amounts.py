"""How much each bucket and source keeps is noted with each change, and not counted any more."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

COUNTED = {
    "bucket_id": """
        SELECT place, sum(number), sum(octets) FROM (
            SELECT bucket_id AS place, count(*) AS number, sum(length(record)) AS octets FROM emails GROUP BY bucket_id
            UNION ALL
            SELECT emails.bucket_id, 0, sum(attachments.size) FROM attachments
            JOIN emails ON emails.key = attachments.email_key GROUP BY emails.bucket_id
        ) AS counted GROUP BY place
    """,
    "source_id": """
        SELECT place, sum(number), sum(octets) FROM (
            SELECT source_id AS place, count(*) AS number, sum(length(json)) AS octets FROM comments GROUP BY source_id
            UNION ALL
            SELECT source_id, 0, sum(size) FROM comment_attachments GROUP BY source_id
        ) AS counted GROUP BY place
    """,
}

AN_HOUR = timedelta(hours=1)
"""Processes of the version before, which note nothing, may go on so long; then everything is counted once more."""


def upgrade() -> None:
    """Make the table, and count what there is."""
    amounts = op.create_table(
        "amounts",
        sa.Column("id", sa.Text(), primary_key=True),
        *(
            sa.Column(
                f"{of}_id", sa.Text(), sa.ForeignKey(f"{of}s.id", ondelete="CASCADE"), index=True
            )
            for of in ("bucket", "source")
        ),
        sa.Column("comments", NUMBER, nullable=False),
        sa.Column("bytes", NUMBER, nullable=False),
    )
    tx = op.get_bind()
    none = dict.fromkeys(COUNTED)
    rows = [
        {"id": uuid4().hex, **none, column: place, "comments": int(number), "bytes": int(octets)}
        for column, counted in COUNTED.items()
        for place, number, octets in tx.execute(sa.text(counted))
    ]
    if rows:
        op.bulk_insert(amounts, rows)
        due = (datetime.now(UTC) + AN_HOUR).isoformat()
        settings = sa.table("settings", sa.column("name"), sa.column("value"))
        op.bulk_insert(settings, [{"name": "amounts.recount_at", "value": due}])
