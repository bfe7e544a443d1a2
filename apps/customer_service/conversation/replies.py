"""What is said where no FAQ speaks: short, kind, in the customer's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from apps.customer_service.schema import Answer, Handoff, Kind, Mood
from common.errors import UserError
from common.files import read_toml
from common.rules.places import line_of, near

REPLIES = Path(__file__).with_name("replies.toml")
# For a language that has no replies.
DEFAULT = "en"
LONGEST = 1000


@dataclass(frozen=True)
class Replies:
    """Language → name → reply."""

    texts: Mapping[str, Mapping[str, str]]

    def reply(self, name: str, language: str) -> str:
        """A reply by its name."""
        return self.texts.get(language, self.texts[DEFAULT])[name]

    def sympathy(
        self, mood: Mood, language: str, *, person: bool = False, urgent: bool = False
    ) -> str:
        """What is said first to somebody in that mood; `person`: before a person takes over."""
        said = self.reply(mood, language)
        if not person:
            return said
        follows = self.reply(f"{'urgent' if urgent else 'person'}_{mood}", language)
        return f"{said}{follows}" if language == "zh" else f"{said} {follows}"

    def chat(self, answer: Answer, kind: Kind, language: str) -> Answer:
        """In place of an answer: a reply to small talk of that kind."""
        found: dict[str, object] = {
            "kind": kind,
            "decision": "chat",
            "answer": self.reply(kind, language),
            "only_in": None,
            "confidence": 1.0,
            "intent": None,
            "citations": [],
            "suggestions": [],
            "handoff": None,
        }
        return answer.model_copy(update=found)

    def in_kind(self, answer: Answer, mood: Mood, language: str) -> Answer:
        """An answer to somebody in that mood, after a sentence; a handover is looked at first."""
        is_handed_over = answer.handoff is not None
        found: dict[str, object] = {
            "kind": mood,
            "message": self.sympathy(mood, language, person=is_handed_over),
        }
        if is_handed_over:
            found["handoff"] = Handoff(reason=mood, priority="high")
        return answer.model_copy(update=found)


@cache
def load_replies() -> Replies:
    """Those that come with the package."""
    return Replies(read_toml(REPLIES))


def read_replies(path: Path) -> Replies:
    """Those that come with the package, with a business's own in place of some.

    Raises:
        UserError: the file is missing or broken, names what there is not, or says nothing.
    """
    own: Mapping[str, Any] = read_toml(path)
    texts = dict(load_replies().texts)
    for language, given in own.items():
        if language not in texts or not isinstance(given, dict):
            raise UserError(
                f"{language!r} is none of the languages",
                where=line_of(path, language),
                hint=f"Replies stand under {' or '.join(f'[{one}]' for one in texts)}.",
            )
        for name, text in given.items():
            if name not in texts[language]:
                raise UserError(
                    f"there is no reply {name!r}",
                    where=_place(path, language, name),
                    hint=near(name, texts[language]),
                )
            if mistake := _mistake(text):
                raise UserError(f"{name}: {mistake}", where=_place(path, language, name))
        texts[language] = {**texts[language], **given}
    return Replies(texts)


def _mistake(text: Any) -> str | None:
    if not isinstance(text, str) or not text.strip():
        return "not a text"
    if len(text) > LONGEST:
        return f"longer than {LONGEST:,} characters"
    # What looks like a placeholder would be said as it stands.
    return "has { or }, and there is nothing to fill in" if {"{", "}"} & set(text) else None


def _place(path: Path, language: str, name: str) -> str:
    """`path:line`; a name may stand under each language."""
    head = int(line_of(path, language).rpartition(":")[2])
    lines = path.read_text(encoding="utf-8").splitlines()[head:]
    found = (n for n, line in enumerate(lines, head + 1) if line.strip().startswith(name))
    return f"{path}:{next(found, head)}"
