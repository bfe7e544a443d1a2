"""What a round may be begun with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from common.errors import UserError
from common.tuning.federated.beginning import settings_of
from common.tuning.federated.round import Round
from common.tuning.settings import Settings


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"quantised_base": "int8"}, "its model in full"),
        ({"sharded": True}, "in one process"),
        ({"seeds": 2}, "single runs"),
    ],
    ids=str,
)
def test_what_no_party_could_learn_with_is_refused_at_the_start(
    values: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UserError, match=reason):
        settings_of(Settings(strategy="lora", **values))
    assert settings_of(Settings(strategy="lora")).lora_frozen_a


@pytest.mark.parametrize("rate", [None, 1e-4, 3e-4], ids=str)
def test_parties_learn_at_the_rate_that_the_round_was_begun_with(
    rate: float | None, tmp_path: Path
) -> None:
    begun = settings_of(Settings(strategy="lora", learning_rate=rate))
    assert begun.learning_rate == Settings(strategy="lora", learning_rate=rate).learning_rate
    stated = Round(
        directory=tmp_path,
        application="customer_service",
        base="minilm",
        weights={},
        parties=("a", "b", "c"),
        settings=begun,
        classes={},
        clipping=1.0,
        masked=True,
        seed=0,
    )
    stated.write()
    assert Round.read(tmp_path).settings == begun
