"""What is said where no FAQ speaks: short, kind, in the customer's language."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from apps.customer_service.schema import Answer, Handoff, Kind, Mood
from common.files import read_toml

REPLIES = Path(__file__).with_name("replies.toml")
# For a language that has no replies.
DEFAULT = "en"


def reply(name: str, language: str) -> str:
    """A reply by its name."""
    replies = load_replies()
    return replies.get(language, replies[DEFAULT])[name]


def sympathy(mood: Mood, language: str, *, person: bool = False, urgent: bool = False) -> str:
    """What is said first to somebody in that mood; `person`: before a person takes over."""
    said = reply(mood, language)
    if not person:
        return said
    follows = reply(f"{'urgent' if urgent else 'person'}_{mood}", language)
    return f"{said}{follows}" if language == "zh" else f"{said} {follows}"


def chat(answer: Answer, kind: Kind, language: str) -> Answer:
    """In place of an answer: a reply to small talk of that kind."""
    found: dict[str, object] = {
        "kind": kind,
        "decision": "chat",
        "answer": reply(kind, language),
        "confidence": 1.0,
        "intent": None,
        "citations": [],
        "suggestions": [],
        "handoff": None,
    }
    return answer.model_copy(update=found)


def in_kind(answer: Answer, mood: Mood, language: str) -> Answer:
    """An answer to somebody in that mood, after a sentence; a handover is looked at first."""
    is_handed_over = answer.handoff is not None
    found: dict[str, object] = {
        "kind": mood,
        "message": sympathy(mood, language, person=is_handed_over),
    }
    if is_handed_over:
        found["handoff"] = Handoff(reason=mood, priority="high")
    return answer.model_copy(update=found)


@cache
def load_replies(path: Path = REPLIES) -> Mapping[str, Mapping[str, str]]:
    """Language → name → reply."""
    replies: Mapping[str, Mapping[str, str]] = read_toml(path)
    return replies
