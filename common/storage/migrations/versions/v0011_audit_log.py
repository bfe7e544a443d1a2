"""Who changed what, and what was recommended to each session."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "audit_log",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("application", sa.String(32), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("what", sa.String(64), nullable=False),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("after", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
    )
    op.create_index("audit_log_by_time", "audit_log", ["application", "at"])
    op.create_table(
        "session_items",
        sa.Column("application", sa.String(32), primary_key=True),
        sa.Column("session", sa.String(32), primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("shown", sa.JSON, nullable=False),
    )
    op.create_index("session_items_by_time", "session_items", ["application", "at"])
