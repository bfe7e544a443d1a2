from __future__ import annotations

import sys
from collections import Counter

import numpy as np
import pytest

from common.errors import UserError
from common.tuning.labelling.suspects import (
    FEWEST,
    assign_folds,
    check_installed,
    find_suspects,
)

LABELS = ("card", "loan", "fees", "branch")


def _clusters(count: int, seed: int = 0) -> tuple[list[str], list[str], np.ndarray]:
    """Texts around a centre for each label, near enough to overlap a little."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(len(LABELS), 16))
    numbers = np.arange(count) % len(LABELS)
    vectors = centres[numbers] + random.normal(scale=0.5, size=(count, 16))
    return [f"text {i}" for i in range(count)], [LABELS[n] for n in numbers], vectors.astype("f4")


def test_planted_errors_are_found_and_little_else() -> None:
    texts, right, vectors = _clusters(400)
    random = np.random.default_rng(1)
    planted = set(random.choice(400, 30, replace=False).tolist())
    labels = [
        (LABELS[(LABELS.index(name) + 1) % len(LABELS)] if row in planted else name,)
        for row, name in enumerate(right)
    ]
    found = find_suspects(texts, labels, vectors, several=False)
    rows = {one.row for one in found}
    assert len(rows & planted) / len(planted) >= 0.8
    assert len(rows & planted) / len(rows) >= 0.9
    likely = [one.likely == (right[one.row],) for one in found if one.row in planted]
    assert np.mean(likely) >= 0.9
    assert [one.quality for one in found] == sorted(one.quality for one in found)


def test_of_several_labels_the_one_that_is_missing_is_found() -> None:
    texts, right, vectors = _clusters(400)
    labels = [(name,) for name in right]
    planted = set(np.random.default_rng(1).choice(400, 24, replace=False).tolist())
    for row in planted:
        labels[row] = (LABELS[(LABELS.index(right[row]) + 1) % len(LABELS)],)
    found = find_suspects(texts, labels, vectors, several=True)
    rows = {one.row for one in found}
    assert len(rows & planted) / len(planted) >= 0.8
    assert len(rows & planted) / len(rows) >= 0.8


def test_rare_labels_are_not_doubted() -> None:
    texts, right, vectors = _clusters(200)
    labels = [(name,) for name in right]
    labels[0] = ("once",)
    found = find_suspects(texts, labels, vectors, several=False)
    assert 0 not in {one.row for one in found}
    with pytest.raises(UserError, match=f"no two with {FEWEST}"):
        find_suspects(texts[:3], [("a",), ("b",), ("c",)], vectors[:3], several=False)


def test_the_same_text_is_never_on_both_sides_of_a_fold() -> None:
    texts = ["Lost card!", "lost card", "fees", "loan", "branch", "rates", "app"] * 3
    folds = assign_folds(texts, [(0,)] * len(texts), seed=0)
    by_text: dict[str, set[int]] = {}
    for text, number in zip(texts, folds, strict=True):
        by_text.setdefault(text.lower().strip("!"), set()).add(int(number))
    assert all(len(numbers) == 1 for numbers in by_text.values())
    assert max(Counter(folds.tolist()).values()) < len(texts)


def test_without_cleanlab_the_command_that_installs_it_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "cleanlab", None)
    with pytest.raises(UserError, match=r"bizlm\[labelling\]"):
        check_installed()
