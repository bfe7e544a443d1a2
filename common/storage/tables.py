"""The tables that all applications share; `migrations/versions` says how each came about."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)

metadata = MetaData()

# What a release predicted, and for whom. Times are seconds since 1970, UTC.
predictions = Table(
    "predictions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("application", String(32), nullable=False),
    Column("at", Float, nullable=False),
    Column("source", String(32), nullable=False),
    Column("subject", String(32)),
    Column("release_id", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("decision", String(32), nullable=False),
    Column("given", JSON, nullable=False),
    Index("predictions_by_time", "application", "at"),
)

# What people said of it.
feedback = Table(
    "feedback",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("application", String(32), nullable=False),
    Column("at", Float, nullable=False),
    Column("source", String(32), nullable=False),
    Column("subject", String(32)),
    Column("trusted", Boolean, nullable=False),
    Column("prediction_id", String(64)),
    Column("release_id", String(64)),
    Column("kind", String(16), nullable=False),
    Column("text", Text, nullable=False),
    Column("given", JSON, nullable=False),
    Column("wanted", JSON, nullable=False),
    Column("status", String(16), nullable=False),
    Column("decided_by", String(32)),
    Column("decided_at", Float),
    Column("learned_in", String(64)),
    Index("feedback_by_time", "application", "at"),
)

# What was shown to users, and what they did.
events = Table(
    "events",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("application", String(32), nullable=False),
    Column("at", Float, nullable=False),
    Column("source", String(32), nullable=False),
    Column("user_id", Text, nullable=False),
    Column("item_id", Text, nullable=False),
    Column("behavior", String(64), nullable=False),
    Column("rating", Float),
    Column("impression_id", Text),
    Column("position", Integer),
    Column("propensity", Float),
    Column("release_id", String(64)),
    Index("events_by_time", "application", "at"),
    Index("events_by_user", "application", "user_id"),
)

# What was said in conversations, for as long as they go on.
turns = Table(
    "turns",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("application", String(32), nullable=False),
    Column("conversation_id", String(64), nullable=False),
    Column("owner", String(32), nullable=False),
    Column("subject", String(32), nullable=False),
    Column("at", Float, nullable=False),
    Column("text", Text, nullable=False),
    Column("understood_as", Text, nullable=False),
    Column("given", JSON, nullable=False),
    Index("turns_by_conversation", "application", "conversation_id", "at"),
    Index("turns_by_time", "application", "at"),
)

# Conversations that are handed over to a person.
tickets = Table(
    "tickets",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("application", String(32), nullable=False),
    Column("conversation_id", String(64), nullable=False),
    Column("owner", String(32), nullable=False),
    Column("subject", String(32), nullable=False),
    Column("status", String(16), nullable=False),
    Column("urgency", Integer, nullable=False),
    Column("with_person", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("opened_at", Float, nullable=False),
    Column("changed_at", Float, nullable=False),
    Column("waiting_since", Float),
    Column("answered_at", Float),
    Column("assigned_to", Text),
    Column("remote_id", String(64)),
    Column("given", JSON, nullable=False),
    Index("tickets_by_conversation", "application", "conversation_id"),
    Index("tickets_by_status", "application", "status", "changed_at"),
    Index(
        "one_open_ticket",
        "application",
        "conversation_id",
        unique=True,
        sqlite_where=text("status = 'open'"),
        postgresql_where=text("status = 'open'"),
    ),
)

# What is said in them; numbered through each conversation.
ticket_messages = Table(
    "ticket_messages",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("application", String(32), nullable=False),
    Column("ticket_id", String(64), nullable=False),
    Column("conversation_id", String(64), nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", Float, nullable=False),
    Column("by", String(16), nullable=False),
    Column("author", Text),
    Column("text", Text, nullable=False),
    Column("faq_id", Text),
    Index("ticket_messages_in_order", "application", "conversation_id", "number", unique=True),
    Index("ticket_messages_by_ticket", "ticket_id", "number"),
)

# What a help desk has not been told of them yet; without any text.
ticket_events = Table(
    "ticket_events",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("application", String(32), nullable=False),
    Column("ticket_id", String(64), nullable=False),
    Column("message_id", String(64)),
    Column("kind", String(16), nullable=False),
    Column("at", Float, nullable=False),
    Column("due_at", Float, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", Text),
    Index("ticket_events_by_ticket", "ticket_id", "number"),
)

# What was changed of a business's own knowledge, and what it was before; rows are only added.
knowledge = Table(
    "knowledge",
    metadata,
    Column("application", String(32), primary_key=True),
    Column("change", Integer, primary_key=True, autoincrement=False),
    Column("faq_id", String(200), primary_key=True),
    Column("at", Float, nullable=False),
    Column("author", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("live", JSON(none_as_null=True)),
    Column("draft", JSON(none_as_null=True)),
    Column("before", JSON(none_as_null=True)),
    Index("knowledge_by_faq", "application", "faq_id", "change"),
)

# Questions that a business says are not its own, by a hash of their texts.
dismissed = Table(
    "dismissed",
    metadata,
    Column("application", String(32), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("at", Float, nullable=False),
    Column("author", Text, nullable=False),
)

# Who asked without a key within the last minute; addresses by their hash.
visits = Table(
    "visits",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("visitor", String(32), nullable=False),
    Column("at", Float, nullable=False),
    Index("visits_by_visitor", "visitor", "at"),
)

# Who changed what; rows are only added, and deleted when they are too old.
audit_log = Table(
    "audit_log",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("application", String(32), nullable=False),
    Column("at", Float, nullable=False),
    Column("who", Text, nullable=False),
    Column("what", String(64), nullable=False),
    Column("about", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("source", Text, nullable=False),
    Index("audit_log_by_time", "application", "at"),
)

# What was recommended to each session, by its hash, for as long as it lasts.
session_items = Table(
    "session_items",
    metadata,
    Column("application", String(32), primary_key=True),
    Column("session", String(32), primary_key=True),
    Column("at", Float, nullable=False),
    Column("shown", JSON, nullable=False),
    Index("session_items_by_time", "application", "at"),
)

# Who may do what only one may do at a time, across processes and machines.
leases = Table(
    "leases",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("holder", String(128), nullable=False),
    Column("expires_at", Float, nullable=False),
)
