from __future__ import annotations

import numpy as np
import pytest

from common.evaluation.compare import paired_bootstrap


def test_a_real_gain_is_clear_and_its_mirror_is_a_loss() -> None:
    random = np.random.default_rng(0)
    before = random.random(500) < 0.7
    after = before | (random.random(500) < 0.5)
    gain, loss = paired_bootstrap(before, after), paired_bootstrap(after, before)
    assert gain.is_clear
    assert gain.low > 0
    assert loss.gain == pytest.approx(-gain.gain)
    assert loss.high < 0


def test_no_difference_is_seldom_called_clear() -> None:
    random = np.random.default_rng(1)
    clear = 0
    for seed in range(60):
        draws = random.random((2, 200)) < 0.7
        clear += paired_bootstrap(draws[0], draws[1], resamples=300, seed=seed).is_clear
    assert clear <= 9


def test_only_the_same_records_can_be_compared() -> None:
    with pytest.raises(ValueError, match="the same records"):
        paired_bootstrap([1, 0], [1])
    with pytest.raises(ValueError, match="at least one"):
        paired_bootstrap([], [])
