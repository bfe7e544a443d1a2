"""Whether a message is worded as a part of what was said before: "any fee", 一定要本人去吗."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# The first 116 fragments told the follow-ups of the development conversations from questions about
# something else with an area under the curve of .84 at 1, .86 at 5 and .87 at 20; all of them at 5
# with .92.
INVERSE_REGULARISATION = 5.0


@dataclass(frozen=True)
class Fragments:
    """Logistic regression over the embedding: written fragments against the business's questions.

    Args:
        direction: [width].
    """

    direction: Floats
    offset: float

    @classmethod
    def fit(cls, fragments: Floats, questions: Floats) -> Self:
        """Learn from embeddings [texts, width] of both.

        Where there are no questions to tell them from, no message is taken for a part.
        """
        if not len(questions):
            return cls(np.zeros(fragments.shape[1], dtype=np.float32), -np.inf)
        from sklearn.linear_model import LogisticRegression

        # However many questions a business has: neither is likelier before it is read.
        model: Any = LogisticRegression(
            C=INVERSE_REGULARISATION, class_weight="balanced", max_iter=300
        )
        is_fragment = np.arange(len(fragments) + len(questions)) < len(fragments)
        model.fit(np.concatenate([fragments, questions]), is_fragment)
        return cls(model.coef_[0].astype(np.float32), float(model.intercept_[0]))

    def probability(self, vector: Floats) -> float:
        """That a text with this embedding [width] is a part of something."""
        return float(1 / (1 + np.exp(-(self.direction @ vector + self.offset))))

    def to_arrays(self) -> dict[str, Any]:
        """Plain arrays for `from_arrays`."""
        return {"fragment_direction": self.direction, "fragment_offset": np.array(self.offset)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Restore what `to_arrays` gave."""
        return cls(arrays["fragment_direction"], float(arrays["fragment_offset"]))
