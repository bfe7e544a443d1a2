from __future__ import annotations

import random

import pytest

from common.tuning.augmentation import some_mistyped

TEXTS = ["where is my card", "how do I pay", "银行卡丢了怎么办"] * 200


@pytest.mark.parametrize("share", [0.15, 0.5])
def test_about_so_many_texts_are_mistyped_and_others_the_next_time(share: float) -> None:
    random.seed(0)
    changed = [
        [one != other for one, other in zip(TEXTS, some_mistyped(TEXTS, share), strict=True)]
        for _ in range(2)
    ]
    assert abs(sum(changed[0]) / len(TEXTS) - share) < 0.05
    assert changed[0] != changed[1]


def test_what_a_checkpoint_keeps_decides() -> None:
    random.seed(1)
    state = random.getstate()
    first = some_mistyped(TEXTS, 0.3)
    random.setstate(state)
    assert some_mistyped(TEXTS, 0.3) == first


def test_pairs_are_left_as_they_are() -> None:
    pairs = [("a question", "its answer")] * 10
    assert some_mistyped(pairs, 1.0) == pairs
