from __future__ import annotations

from common.tuning.settings import Settings


def test_releases_of_before_name_the_decay_alone() -> None:
    averaged = Settings(weight_averaging=0.9)  # type: ignore[call-arg]
    assert (averaged.averaging, averaged.averaging_decay) == ("ema", 0.9)
    assert Settings(weight_averaging=0.0).averaging == "none"  # type: ignore[call-arg]
