"""What counting words and characters comes to: the peer that a fine-tuned model has to beat.

A linear support vector machine over TF-IDF of words, pairs of words and character n-grams, fitted
on the same texts in seconds (Joachims 1998; Wang & Manning 2012). Of very many labels, each by
itself would take hours and gigabytes: then the label whose texts are most alike in the mean
(Rocchio 1971).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from common.evaluation.compare import Difference, paired_bootstrap
from common.records.text import normalise, words

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

MOST_TEXTS = 50_000
# A machine a label, each over all texts and features.
MOST_MACHINES = 1000
# Rows by labels of numbers that are held at once.
MOST_PRODUCTS = 10_000_000
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
    from sklearn.pipeline import make_union
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
    learned, known = [labels[i] for i in chosen], features.fit_transform([texts[i] for i in chosen])
    unknown = features.transform(asked)
    if len({*learned}) > MOST_MACHINES:
        return _nearest_mean(known, learned, unknown)
    found: list[str] = LinearSVC(random_state=seed).fit(known, learned).predict(unknown).tolist()
    return found


def _nearest_mean(known: csr_matrix, labels: Sequence[str], asked: csr_matrix) -> list[str]:
    """The label of the mean that points most nearly the same way as each row of `asked`."""
    from scipy.sparse import csr_matrix
    from sklearn.preprocessing import normalize

    names, numbers = np.unique(np.array(labels, dtype=object), return_inverse=True)
    ones = np.ones(len(labels)), (numbers, np.arange(len(labels)))
    means = normalize(csr_matrix(ones, shape=(len(names), len(labels))) @ known).T.tocsr()
    step = max(1, MOST_PRODUCTS // len(names))
    parts = (asked[at : at + step] @ means for at in range(0, asked.shape[0], step))
    nearest = [np.asarray(part.argmax(axis=1)).ravel() for part in parts]
    return [str(name) for name in names[np.concatenate(nearest)]]


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
