"""Conversations that are handed over to a person, and what is said and told of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "tickets",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("application", sa.String(32), nullable=False),
        sa.Column("conversation_id", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(32), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("urgency", sa.Integer, nullable=False),
        sa.Column("with_person", sa.Boolean, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("opened_at", sa.Float, nullable=False),
        sa.Column("changed_at", sa.Float, nullable=False),
        sa.Column("waiting_since", sa.Float),
        sa.Column("answered_at", sa.Float),
        sa.Column("assigned_to", sa.Text),
        sa.Column("remote_id", sa.String(64)),
        sa.Column("given", sa.JSON, nullable=False),
    )
    op.create_index("tickets_by_conversation", "tickets", ["application", "conversation_id"])
    op.create_index("tickets_by_status", "tickets", ["application", "status", "changed_at"])
    is_open = sa.text("status = 'open'")
    op.create_index(
        "one_open_ticket",
        "tickets",
        ["application", "conversation_id"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    op.create_table(
        "ticket_messages",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("application", sa.String(32), nullable=False),
        sa.Column("ticket_id", sa.String(64), nullable=False),
        sa.Column("conversation_id", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("by", sa.String(16), nullable=False),
        sa.Column("author", sa.Text),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("faq_id", sa.Text),
    )
    op.create_index(
        "ticket_messages_in_order",
        "ticket_messages",
        ["application", "conversation_id", "number"],
        unique=True,
    )
    op.create_index("ticket_messages_by_ticket", "ticket_messages", ["ticket_id", "number"])
    op.create_table(
        "ticket_events",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("application", sa.String(32), nullable=False),
        sa.Column("ticket_id", sa.String(64), nullable=False),
        sa.Column("message_id", sa.String(64)),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("due_at", sa.Float, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error", sa.Text),
    )
    op.create_index("ticket_events_by_ticket", "ticket_events", ["ticket_id", "number"])
