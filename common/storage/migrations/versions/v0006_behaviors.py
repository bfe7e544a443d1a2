"""Room for a shop's own names of what was done."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Widen the column; SQLite bounds no text."""
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column("events", "behavior", type_=sa.String(64))
