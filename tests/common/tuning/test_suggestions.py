from __future__ import annotations

import numpy as np
import pytest

from common.finite import NonFiniteError
from common.tuning.labelling.suggestions import margins, suggest


def test_the_margin_is_smallest_where_two_labels_are_as_likely() -> None:
    probabilities = np.array([[0.5, 0.5, 0.0], [0.9, 0.05, 0.05], [0.4, 0.35, 0.25]])
    assert margins(probabilities) == pytest.approx([0.0, 0.85, 0.05])
    assert margins(probabilities, several=True) == pytest.approx([0.0, 0.8, 0.2])


def test_uncertain_texts_of_every_group_are_taken_and_no_certain_one() -> None:
    random = np.random.default_rng(0)
    centres = np.eye(4, 8)
    group = np.repeat(np.arange(4), 60)
    vectors = (centres[group] + random.normal(scale=0.05, size=(240, 8))).astype("f4")
    margin = np.where(np.arange(240) % 60 < 10, 0.05, 0.95) + random.random(240) * 0.04
    # The first group is less certain than all others: by the margin alone it fills the list.
    margin[group == 0] *= 0.5
    chosen = suggest(margin, vectors, 4)
    assert sorted(group[chosen].tolist()) == [0, 1, 2, 3]
    assert (margin[chosen] < 0.5).all()
    assert list(margin[chosen]) == sorted(margin[chosen])


def test_never_more_than_there_are_nor_fewer_than_wanted_nor_one_twice() -> None:
    same = np.ones((30, 4), np.float32)
    assert len(suggest(np.full(30, 0.2), same, 50)) == 30
    chosen = suggest(np.full(30, 0.2), same, 7)
    assert len(set(chosen.tolist())) == 7


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(NonFiniteError):
        suggest(np.array([0.1, np.nan]), np.ones((2, 3), np.float32), 1)
