from __future__ import annotations

import pytest

from common.errors import UserError
from common.tuning.settings import Settings


def test_releases_of_before_name_the_decay_alone() -> None:
    averaged = Settings(weight_averaging=0.9)
    assert (averaged.averaging, averaged.averaging_decay) == ("ema", 0.9)
    assert Settings(weight_averaging=0.0).averaging is None


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"adversarial_steps": 3}, "adversarial=0"),
        ({"averaging": "swa", "averaging_start": 0.05}, "before the end of its warmup"),
        ({"r_drop": 1.0, "strategy": "head"}, "strategy=head"),
        ({"r_drop": 1.0, "dropout": 0.0}, "dropout=0"),
        ({"class_weights": "balanced", "logit_adjustment": 1.0}, "twice"),
        ({"sharded": True, "continual": "ewc"}, "on whole weights"),
        ({"pretrained_share": 0.5, "privacy_epsilon": 8}, "heads would be fitted again"),
        ({"synonyms": 0.1}, "alone"),
        ({"glossary": "words.csv"}, "alone"),
        ({"back_translation": "one"}, "not two models"),
    ],
    ids=str,
)
def test_what_makes_no_sense_together_is_refused(values: dict[str, object], told: str) -> None:
    with pytest.raises(UserError, match=told):
        Settings(**values)


def test_the_encoder_is_kept_where_heads_alone_learn_and_no_pairs_before() -> None:
    assert Settings(strategy="head").keeps_encoder
    assert not Settings(strategy="head", contrastive_epochs=1).keeps_encoder
    assert not Settings(strategy="lora").keeps_encoder
