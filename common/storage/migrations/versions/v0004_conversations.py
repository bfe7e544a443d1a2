"""What was said in conversations, for as long as they go on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "turns",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("application", sa.String(32), nullable=False),
        sa.Column("conversation_id", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(32), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("understood_as", sa.Text, nullable=False),
        sa.Column("given", sa.JSON, nullable=False),
    )
    op.create_index("turns_by_conversation", "turns", ["application", "conversation_id", "at"])
    op.create_index("turns_by_time", "turns", ["application", "at"])
