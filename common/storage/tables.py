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
    Column("behavior", String(16), nullable=False),
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

# Who may do what only one may do at a time, across processes and machines.
leases = Table(
    "leases",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("holder", String(128), nullable=False),
    Column("expires_at", Float, nullable=False),
)
