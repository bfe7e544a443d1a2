"""What was shown to users, and what they did."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "events",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("application", sa.String(32), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("item_id", sa.Text, nullable=False),
        sa.Column("behavior", sa.String(16), nullable=False),
        sa.Column("rating", sa.Float),
        sa.Column("impression_id", sa.Text),
        sa.Column("position", sa.Integer),
        sa.Column("propensity", sa.Float),
        sa.Column("release_id", sa.String(64)),
    )
    op.create_index("events_by_time", "events", ["application", "at"])
    op.create_index("events_by_user", "events", ["application", "user_id"])
