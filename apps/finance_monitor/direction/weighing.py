"""What the words of a text add to what a model says: whether it is good or bad, if either."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from apps.finance_monitor.direction.lexicon import Lexicon
from apps.finance_monitor.direction.reading import read
from apps.finance_monitor.schema import SENTIMENTS
from apps.finance_monitor.targets.pointing import own_clauses

# Of a text as a whole, or of the company that it points at.
Towards = Literal["sentiment", "target"]
TOWARDS: tuple[Towards, ...] = get_args(Towards)
POSITIVE, NEGATIVE = SENTIMENTS.index("positive"), SENTIMENTS.index("negative")
EITHER = [POSITIVE, NEGATIVE]
# Half of what surely good words add to the log odds of good against bad. Chosen on patterns of
# opposite pairs that were held out from training: more gained nothing.
WEIGHTS = (2.5, 2.0, 1.5, 1.0, 0.5)


@dataclass(frozen=True)
class Direction:
    """Words that are read beside a model, and how much they count.

    `target_weight` is of sentiment towards a company, of which its own clauses tell.
    """

    lexicon: Lexicon
    weight: float
    target_weight: float = 0.0

    def to_json(self) -> dict[str, float]:
        """For the manifest of a release; the words have a file of their own."""
        return {"weight": self.weight, "target_weight": self.target_weight}

    def speaks(self, text: str, towards: Towards = "sentiment") -> bool:
        """Whether the words say anything of a text, or of the company that it points at."""
        return bool(self._weight(towards) and scores(self.lexicon, [text], towards).any())

    def bend(
        self,
        logits: NDArray[np.floating],
        texts: Sequence[str],
        towards: Towards = "sentiment",
    ) -> NDArray[np.float64]:
        """Logits in the order of `SENTIMENTS`, [texts, 3], with what the words say of each."""
        return bent(logits, scores(self.lexicon, texts, towards), self._weight(towards))

    def _weight(self, towards: Towards) -> float:
        return self.weight if towards == "sentiment" else self.target_weight


def scores(
    lexicon: Lexicon, texts: Sequence[str], towards: Towards = "sentiment"
) -> NDArray[np.float64]:
    """[texts], from −1 for surely bad to 1 for surely good."""
    heard = texts if towards == "sentiment" else map(own_clauses, texts)
    return np.tanh([read(text, lexicon).score for text in heard])


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
    towards: Towards = "sentiment",
) -> float:
    """The most that words may count without fewer held-out texts being right; 0: nothing.

    Args:
        logits: [texts, 3], of the model alone.
        right: [texts], numbers of the sentiments.
    """
    found = scores(lexicon, texts, towards)
    if not found.any():
        return 0.0

    def count(weight: float) -> int:
        return int((bent(logits, found, weight).argmax(-1) == right).sum())

    alone = count(0.0)
    return next((one for one in WEIGHTS if count(one) >= alone), 0.0)
