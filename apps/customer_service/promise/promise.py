"""What a release promises of its answers, and on which questions that was shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from apps.customer_service.answers.confidence import WEAKER_BUDGETS, Confidence

NAMES = {"en": "English", "zh": "Chinese", "other": "other languages"}


@dataclass(frozen=True)
class Promise:
    """A calibrated confidence and the questions behind it.

    `questions` are those that the model had not learned, `out_of_scope` of them labelled so; `far`
    are the bundled questions from anywhere but a business, each with its probability.
    """

    confidence: Confidence
    questions: int
    out_of_scope: int
    far: Mapping[str, float]

    @property
    def text(self) -> str:
        """What was shown on which questions, and what the threshold holds back, in a line."""
        budget, threshold = self.confidence.budget, self.confidence.threshold
        asked = (
            f"{self.questions} questions that it had not learned, "
            f"{self.out_of_scope or 'none'} out of scope"
        )
        shown = f"At most {_percent(budget)} of the answers are wrong: shown on {asked}."
        if not self.confidence.proven:
            shown = (
                f"Could not show that at most {_percent(budget)} of the answers are wrong, on "
                f"{asked}: too few questions, or too many wrong answers. {self._least_shown} Only "
                f"answers with a confidence of at least {threshold:.0%} are given."
            )
        return " ".join(part for part in (shown, self._by_language(), self._held_back()) if part)

    @property
    def _least_shown(self) -> str:
        least = self.confidence.least_shown
        if least is None:
            return f"Nor could any share up to {_percent(max(WEAKER_BUDGETS))}."
        return f"The least that could be shown is {_percent(least)}."

    def _by_language(self) -> str:
        """The bound of each language, which the threshold of all does not promise."""
        known = {name: one for name, one in self.confidence.shown.items() if name and one.questions}
        if len(known) < 2:
            return ""
        told = [
            f"{NAMES.get(name, name)} {one.bound:.1%} ({one.wrong} wrong of {one.answered} answers "
            f"to {one.questions} questions)"
            for name, one in known.items()
        ]
        return f"By language, with a bound of its own (95 %): {', '.join(told)}."

    def _held_back(self) -> str:
        held = self.confidence.held_back
        kinds = {
            "near misses": held and held.near,
            "far questions": held and held.far,
            "right answers": held and held.right,
        }
        shares = [f"{share:.0%} of {kind}" for kind, share in kinds.items() if share is not None]
        return f"Held back: {', '.join(shares)}." if shares else ""

    def nearest_far(self, count: int = 5) -> list[tuple[str, float]]:
        """The far questions that are likeliest to be answered, with their probabilities."""
        return sorted(self.far.items(), key=lambda pair: -pair[1])[:count]

    def to_json(self) -> dict[str, Any]:
        """Plain values for a manifest."""
        held = self.confidence.held_back
        return {
            "budget": self.confidence.budget,
            "proven": self.confidence.proven,
            "least_shown": self.confidence.least_shown,
            "threshold": self.confidence.threshold,
            "questions": self.questions,
            "out_of_scope": self.out_of_scope,
            "far_questions": len(self.far),
            "held_back": asdict(held) if held else None,
            "by_language": {
                name: {**asdict(one), "bound": one.bound}
                for name, one in self.confidence.shown.items()
                if name
            },
        }


def _percent(share: float) -> str:
    return f"{100 * share:g}%"
