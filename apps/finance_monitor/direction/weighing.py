"""What the words of a text add to what a model says: whether it is good or bad, if either."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from apps.finance_monitor.direction.lexicon import Lexicon
from apps.finance_monitor.direction.reading import read
from apps.finance_monitor.schema import SENTIMENTS

POSITIVE, NEGATIVE = SENTIMENTS.index("positive"), SENTIMENTS.index("negative")
EITHER = [POSITIVE, NEGATIVE]
# Half of what surely good words add to the log odds of good against bad. Chosen on patterns of
# opposite pairs that were held out from training: more gained nothing.
WEIGHTS = (2.5, 2.0, 1.5, 1.0, 0.5)


@dataclass(frozen=True)
class Direction:
    """Words that are read beside a model, and how much they count."""

    lexicon: Lexicon
    weight: float

    def to_json(self) -> dict[str, float]:
        """For the manifest of a release; the words have a file of their own."""
        return {"weight": self.weight}

    def speaks(self, text: str) -> bool:
        """Whether the words say anything of a text."""
        return bool(read(text, self.lexicon).score)

    def bend(self, logits: NDArray[np.floating], texts: Sequence[str]) -> NDArray[np.float64]:
        """The logits of sentiments, [texts, 3], with what the words say of each text."""
        return bent(logits, scores(self.lexicon, texts), self.weight)


def scores(lexicon: Lexicon, texts: Sequence[str]) -> NDArray[np.float64]:
    """[texts], from −1 for surely bad to 1 for surely good."""
    return np.tanh([read(text, lexicon).score for text in texts])


def bent(
    logits: NDArray[np.floating], scores: NDArray[np.float64], weight: float
) -> NDArray[np.float64]:
    """Move probability between good and bad; how likely neither is stays as it was.

    A model knows better than words whether a text judges at all.

    Args:
        logits: [texts, 3], in the order of `SENTIMENTS`.
        scores: [texts], −1 to 1.
    """
    moved = logits.astype(np.float64)
    whole = logsumexp(moved[:, EITHER], axis=1)
    moved[:, POSITIVE] += weight * scores
    moved[:, NEGATIVE] -= weight * scores
    moved[:, EITHER] += (whole - logsumexp(moved[:, EITHER], axis=1))[:, None]
    return moved


def weigh(
    lexicon: Lexicon,
    texts: Sequence[str],
    logits: NDArray[np.floating],
    right: NDArray[np.int64],
) -> Direction | None:
    """The most that words may count without fewer held-out texts being right; None: nothing.

    Args:
        logits: [texts, 3], of the model alone.
        right: [texts], numbers of the sentiments.
    """
    found = scores(lexicon, texts)
    if not found.any():
        return None

    def count(weight: float) -> int:
        return int((bent(logits, found, weight).argmax(-1) == right).sum())

    alone = count(0.0)
    return next((Direction(lexicon, one) for one in WEIGHTS if count(one) >= alone), None)
