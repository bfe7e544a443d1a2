"""What counting words and characters comes to: the peer that a fine-tuned model has to beat.

A linear support vector machine over TF-IDF of words, pairs of words and character n-grams, fitted
on the same texts in seconds (Joachims 1998; Wang & Manning 2012).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from common.evaluation.compare import Difference, paired_bootstrap
from common.records.text import normalise, words

MOST_TEXTS = 50_000
MOST_FEATURES = 200_000
CHARACTERS = (1, 4)


@dataclass(frozen=True)
class LinearPeer:
    """The release beside the linear model, on the same held-out records.

    `metrics` are the linear model's, by the names of the release's; `difference` is the release's
    share of right records less the linear model's.
    """

    metrics: dict[str, float]
    difference: Difference

    @property
    def is_beaten(self) -> bool:
        """Whether the release is better, beyond chance."""
        return self.difference.low > 0

    @property
    def text(self) -> str:
        """A sentence for the first line of a report."""
        found = self.difference
        verdict = "Better" if self.is_beaten else "Worse" if found.high < 0 else "Not shown better"
        return (
            f"{verdict} than a linear model over words and characters: right {found.after:.1%} "
            f"against {found.before:.1%} of {found.records} held-out records (95 % interval of "
            f"the difference {found.low:+.1%} to {found.high:+.1%})."
        )


def compare_with(
    labelled: Sequence[tuple[str, str]],
    asked: Sequence[tuple[str, str]],
    right: Sequence[bool],
    figure: str,
) -> LinearPeer | None:
    """Fit the linear model and compare; None where there are no two labels, or nothing is asked.

    Args:
        labelled: texts and labels that the release learned from.
        asked: held-out texts and their labels.
        right: whether the release was right on each of `asked`.
        figure: the name of the release's figure that is the share of right records.
    """
    if not asked or len({label for _, label in labelled}) < 2:
        return None
    predicted = predict_linear(
        [text for text, _ in labelled], [label for _, label in labelled], [t for t, _ in asked]
    )
    found = [label == its for (_, label), its in zip(asked, predicted, strict=True)]
    return LinearPeer({figure: float(np.mean(found))}, paired_bootstrap(found, list(right)))


def predict_linear(
    texts: Sequence[str], labels: Sequence[str], asked: Sequence[str], *, seed: int = 0
) -> list[str]:
    """The label of each of `asked`, after fitting on `texts` (at most `MOST_TEXTS` of them)."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.svm import LinearSVC

    chosen = _some(len(texts), seed)
    features = make_union(
        TfidfVectorizer(analyzer=_words_and_pairs, sublinear_tf=True, max_features=MOST_FEATURES),
        TfidfVectorizer(
            analyzer="char_wb",
            ngram_range=CHARACTERS,
            preprocessor=_lower,
            sublinear_tf=True,
            max_features=MOST_FEATURES,
        ),
    )
    model = make_pipeline(features, LinearSVC(random_state=seed))
    model.fit([texts[i] for i in chosen], [labels[i] for i in chosen])
    found: list[str] = model.predict(list(asked)).tolist()
    return found


def _some(count: int, seed: int) -> NDArray[np.int64]:
    if count <= MOST_TEXTS:
        return np.arange(count)
    return np.random.default_rng(seed).choice(count, MOST_TEXTS, replace=False)


def _lower(text: str) -> str:
    return normalise(text).lower()


def _words_and_pairs(text: str) -> list[str]:
    # A symbol is a word, too: an emoji may say all there is.
    found = words(text) or _lower(text).split()
    symbols = [c for c in text if not c.isalnum() and not c.isspace() and ord(c) > 0x2000]
    return [*found, *map(" ".join, pairwise(found)), *symbols]
