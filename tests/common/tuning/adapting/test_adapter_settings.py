"""Settings of what is added: combinations without sense are refused, and rates suit it."""

from __future__ import annotations

from typing import Any

import pytest

from common.errors import UserError
from common.tuning.configuration import read_settings
from common.tuning.settings import Settings

HELD = {"strategy": "lora", "quantised_base": "int8"}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"keep_adapter": True}, "strategy=full adds nothing"),
        ({"keep_adapter": True, "strategy": "top-layers:2"}, "adds nothing"),
        ({"keep_adapter": True, "strategy": "prompt"}, "is kept in any case"),
        ({"strategy": "adalora", "lora_variant": "dora"}, "adalora has no variant dora"),
        ({"strategy": "adalora", "lora_frozen_a": True}, "strategy=adalora has no A"),
        ({"strategy": "adalora", "adalora_initial_rank": 16}, "leaves no ranks to take away"),
        ({"quantised_base": "int8"}, "strategy=full lets them"),
        ({"quantised_base": "int4", "strategy": "prefix"}, "not tried beside them"),
        ({**HELD, "torch_compile": True}, "does not look into"),
        ({**HELD, "contrastive_epochs": 1}, "the heads then start anew"),
        ({**HELD, "privacy_epsilon": 3}, "layers in full alone"),
        ({**HELD, "seeds": 2, "ensemble": "weights"}, "stays beside them"),
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, Any], why: str) -> None:
    with pytest.raises(UserError, match=why):
        Settings(**given)


def test_the_learning_rate_is_what_the_strategy_wants_unless_it_is_said() -> None:
    ours = {"learning_rate": 2e-4}
    assert Settings().learning_rate == 1e-4
    assert read_settings(defaults=ours).learning_rate == 2e-4
    assert read_settings(pairs=["strategy=top-layers:2"], defaults=ours).learning_rate == 2e-4
    assert read_settings(pairs=["strategy=lora"], defaults=ours).learning_rate == 1e-3
    chosen = read_settings(pairs=["strategy=lora", "learning_rate=3e-3"], defaults=ours)
    assert chosen.learning_rate == 3e-3
    assert Settings(**Settings(strategy="ia3").model_dump()) == Settings(strategy="ia3")


def test_ranks_of_adalora_begin_half_higher() -> None:
    adapter = Settings(strategy="adalora", lora_rank=5).adapter
    assert adapter is not None
    assert (adapter.rank, adapter.initial_rank) == (5, 8)
    assert Settings(strategy="head").adapter is None
