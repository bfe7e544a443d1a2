"""Changes of knowledge."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make their table."""
    op.create_table(
        "knowledge",
        sa.Column("application", sa.String(32), primary_key=True),
        sa.Column("change", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("faq_id", sa.String(200), primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("live", sa.JSON(none_as_null=True)),
        sa.Column("draft", sa.JSON(none_as_null=True)),
        sa.Column("before", sa.JSON(none_as_null=True)),
    )
    op.create_index("knowledge_by_faq", "knowledge", ["application", "faq_id", "change"])
