"""Labels that are probably wrong, by confident learning.

A linear model over the vectors of a frozen encoder says, of each text that it did not learn, how
probable each label is (K-fold cross-fitting); where the given label contradicts it more than its
usual confidence in that label explains, the label is suspect (Northcutt, Jiang & Chuang 2021, arXiv
1911.00068; several labels a text: Thyagarajan et al. 2022, arXiv 2211.13895).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.console import progress
from common.errors import UserError
from common.finite import require_finite
from common.records.text import fold

Floats = NDArray[np.float64]

FOLDS = 5
# The vectors' length, and the inverse of the penalty. Of 150 errors planted among 3,000 texts of
# hwu64, which has errors of its own, 120 were found with 126 others; at 0.1, 121 with 149; at the
# usual 1, 132 with 220.
LENGTH, INVERSE_PENALTY = 10.0, 0.03
# Suspect by the noise rates and by the confident joint: fewer found, more of them wrong indeed.
BOTH = "both"
# Of a label with fewer texts, a model that lacks one of them knows too little.
FEWEST = 3


@dataclass(frozen=True)
class Suspect:
    """A text whose label is doubted.

    Attributes:
        row: of the text.
        likely: the label, or labels, that the others' texts speak for.
        quality: of the given label, from 0 (surely wrong) to 1.
    """

    row: int
    likely: tuple[str, ...]
    quality: float


def check_installed() -> None:
    """See that cleanlab is there, before anything is read.

    Raises:
        UserError: it is not.
    """
    try:
        import cleanlab  # noqa: F401
    except ImportError:
        raise UserError(
            "the package cleanlab is not installed", hint="pip install 'bizlm[labelling]'"
        ) from None


def labels_to_doubt(labels: Sequence[tuple[str, ...]]) -> list[str]:
    """The labels that enough texts have."""
    counts = Counter(label for chosen in labels for label in set(chosen))
    return sorted(label for label, count in counts.items() if count >= FEWEST)


def find_suspects(
    texts: Sequence[str],
    labels: Sequence[tuple[str, ...]],
    vectors: NDArray[np.float32],
    *,
    several: bool,
    seed: int = 0,
) -> list[Suspect]:
    """The doubtful labels, the worst first.

    Args:
        labels: of each text; exactly one where not `several`.
        vectors: [texts, width].

    Raises:
        UserError: there are no two labels with `FEWEST` texts.
    """
    names = labels_to_doubt(labels)
    if len(names) < 2:
        raise UserError(
            f"too few labels: there are no two with {FEWEST} texts or more",
            hint="A label is doubted by what the other texts of all labels say.",
        )
    number = {name: n for n, name in enumerate(names)}
    # A text of a rare label alone is neither doubted nor learned.
    rows = [i for i, its in enumerate(labels) if several or its[0] in number]
    given = [[number[name] for name in labels[i] if name in number] for i in rows]
    folds = assign_folds([texts[i] for i in rows], [tuple(one) for one in given], seed)
    member = np.zeros((len(rows), len(names)), np.int64)
    for row, one in enumerate(given):
        member[row, one] = 1
    probabilities = cross_fitted(vectors[rows], member, folds, several=several)
    return _judge(rows, given, names, probabilities, several=several)


def assign_folds(
    texts: Sequence[str], labels: Sequence[tuple[int, ...]], seed: int
) -> NDArray[np.int64]:
    """[texts] → the fold of each: labels spread evenly, the same text always in one fold."""
    first: dict[str, int] = {}
    for row, text in enumerate(texts):
        first.setdefault(fold(text), row)
    random = np.random.default_rng(seed)
    of_text: dict[str, int] = {}
    keys = [list(first)[i] for i in random.permutation(len(first))]
    for turn, key in enumerate(sorted(keys, key=lambda key: labels[first[key]])):
        of_text[key] = turn % FOLDS
    return np.array([of_text[fold(text)] for text in texts])


def cross_fitted(
    vectors: NDArray[np.float32],
    member: NDArray[np.int64],
    folds: NDArray[np.int64],
    *,
    several: bool,
) -> Floats:
    """[texts, labels], the probabilities of a model that did not learn the text.

    Args:
        vectors: [texts, width].
        member: [texts, labels] of 0 and 1.
        folds: [texts].
    """
    require_finite("suspects", vectors=vectors)
    centred = vectors - vectors.mean(0)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9) * LENGTH
    found = np.zeros(member.shape)
    with progress("Reading each fold by the others", FOLDS) as advance:
        for fold_number in range(FOLDS):
            held = folds == fold_number
            if held.any() and not held.all():
                found[held] = _fitted(unit[~held], member[~held], unit[held], several=several)
            advance()
    return found


def _fitted(
    train: NDArray[np.float32],
    member: NDArray[np.int64],
    asked: NDArray[np.float32],
    *,
    several: bool,
) -> Floats:
    """[asked, labels]; a label that no training text has is never probable."""
    from sklearn.linear_model import LogisticRegression

    found = np.zeros((len(asked), member.shape[1]))
    if not several:
        right = member.argmax(1)
        if len(set(right.tolist())) == 1:
            found[:, right[0]] = 1.0
            return found
        model = LogisticRegression(C=INVERSE_PENALTY, max_iter=300).fit(train, right)
        found[:, model.classes_] = model.predict_proba(asked)
        return found
    for number, own in enumerate(member.T):
        if 0 < own.sum() < len(own):
            model = LogisticRegression(C=INVERSE_PENALTY, max_iter=300).fit(train, own)
            found[:, number] = model.predict_proba(asked)[:, 1]
        else:
            found[:, number] = float(own.mean())
    return found


def _judge(
    rows: Sequence[int],
    given: Sequence[Sequence[int]],
    names: Sequence[str],
    probabilities: Floats,
    *,
    several: bool,
) -> list[Suspect]:
    from cleanlab import filter as confident
    from cleanlab import rank
    from cleanlab.multilabel_classification import filter as confident_sets
    from cleanlab.multilabel_classification import rank as rank_sets

    if several:
        issues = confident_sets.find_label_issues(
            list(map(list, given)), probabilities, filter_by=BOTH, n_jobs=1
        )
        quality = rank_sets.get_label_quality_scores(list(map(list, given)), probabilities)
    else:
        right = np.array([one[0] for one in given])
        issues = confident.find_label_issues(right, probabilities, filter_by=BOTH, n_jobs=1)
        quality = rank.get_label_quality_scores(right, probabilities)
    found = []
    for place in np.flatnonzero(issues).tolist():
        own = probabilities[place]
        numbers = np.flatnonzero(own >= 0.5) if several else own.argmax(keepdims=True)
        likely = tuple(names[number] for number in numbers.tolist())
        if set(likely) != {names[number] for number in given[place]}:
            found.append(Suspect(rows[place], likely, float(quality[place])))
    return sorted(found, key=lambda one: one.quality)
