"""What a round may be begun with."""

from __future__ import annotations

from typing import Any

import pytest

from common.errors import UserError
from common.tuning.federated.beginning import settings_of
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
