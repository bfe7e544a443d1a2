"""A setting that would be passed over in silence is refused, and says what it needs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from apps.recommender.options_cli import unused_settings
from common.errors import UserError
from common.tuning.configuration import OF_LABELS, OF_ONE_RUN, read_settings
from common.tuning.describing.needs import NEEDS, unmet
from common.tuning.settings import Settings


@pytest.mark.parametrize(
    ("pairs", "needed"),
    [
        (["lora_rank=8"], "strategy=lora or adalora"),
        (["lora_alpha=8", "strategy=ia3"], "strategy=lora or adalora"),
        (["lora_variant=dora", "strategy=head"], "strategy=lora"),
        (["adapter_width=8", "strategy=lora"], "strategy=adapter"),
        (["learned_tokens=8", "strategy=adapter"], "strategy=prompt or prefix"),
        (["adalora_initial_rank=30", "strategy=lora"], "strategy=adalora"),
        (["freeze_word_embeddings=true", "strategy=lora"], "strategy=full, or head with"),
        (["freeze_word_embeddings=false", "strategy=top-layers:2"], "strategy=full, or head with"),
        (["freeze_word_embeddings=false", "strategy=head"], "contrastive_epochs=1"),
        (["tokens_per_pass=512", "privacy_epsilon=8"], "privacy_epsilon=none and sharded=false"),
        (["tokens_per_pass=512", "sharded=true"], "privacy_epsilon=none and sharded=false"),
        (["layer_decay=0.8", "strategy=head"], "any strategy but head"),
        (["adversarial=0.5", "strategy=head"], "any strategy but head"),
        (["pretrained_share=0.5", "strategy=lora"], "strategy=full or top-layers:N"),
        (["pretrained_share=0.5", "strategy=head"], "strategy=full or top-layers:N"),
        (["averaging_decay=0.9", "averaging=swa"], "averaging=ema"),
        (["averaging_start=0.5"], "averaging=swa"),
        (["contrastive_pairs=9"], "contrastive_epochs=1"),
        (["back_translated=0.5"], "back_translation=THERE,BACK"),
        (["privacy_delta=1e-6"], "privacy_epsilon=8"),
        (["privacy_clipping=2"], "privacy_epsilon=8"),
    ],
    ids=str,
)
def test_what_would_change_nothing_is_refused(pairs: Sequence[str], needed: str) -> None:
    with pytest.raises(UserError, match="would change nothing") as caught:
        read_settings(None, pairs)
    assert f"{pairs[0].partition('=')[0]} would change nothing: it needs" in str(caught.value)
    assert needed in str(caught.value)


@pytest.mark.parametrize(
    "pairs",
    [
        ["lora_rank=8", "strategy=lora"],
        ["lora_dropout=0", "strategy=adalora"],
        ["freeze_word_embeddings=true"],
        ["freeze_word_embeddings=false", "strategy=head", "contrastive_epochs=1"],
        ["tokens_per_pass=512"],
        ["adversarial=0.5", "strategy=head", "contrastive_epochs=1"],
        ["averaging_decay=0.9", "averaging=ema"],
        ["averaging_start=0.5", "averaging=swa"],
        ["contrastive_pairs=9", "contrastive_epochs=1"],
        ["privacy_delta=1e-6", "privacy_epsilon=8"],
    ],
    ids=str,
)
def test_with_what_it_needs_it_is_taken(pairs: Sequence[str]) -> None:
    assert unmet(read_settings(None, pairs), pairs[0].partition("=")[0]) is None


def test_what_is_as_usual_may_be_written_out(tmp_path: Path) -> None:
    usual = ["lora_rank=16", "privacy_delta=1e-5", "contrastive_pairs=5", "adversarial=1"]
    own: dict[str, Any] = {"adversarial": 1.0, "strategy": "head"}
    assert read_settings(None, usual, defaults=own).lora_rank == 16
    file = tmp_path / "settings.toml"
    file.write_text("lora_rank = 8\n", encoding="utf-8")
    with pytest.raises(UserError, match="lora_rank would change nothing") as caught:
        read_settings(file)
    assert f"take the line lora_rank = … out of {file}" in str(caught.value.hint)
    with pytest.raises(UserError, match="lora_rank would change nothing") as caught:
        read_settings(file, ["lora_rank=4"])
    assert "leave lora_rank out" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("refused", "told"),
    [
        (OF_ONE_RUN, "each trial of a search would spend a budget of its own"),
        (OF_LABELS, "these texts are learned without noise"),
        (unused_settings(), "the recommender compares records with each other"),
    ],
    ids=["tune", "pretrain", "recommender"],
)
def test_nobody_is_told_to_add_what_is_refused_then(refused: dict[str, str], told: str) -> None:
    with pytest.raises(UserError) as caught:
        read_settings(None, ["ensemble=probabilities"], refused=refused)
    assert refused["ensemble"] in str(caught.value)
    assert "seeds=3" not in str(caught.value)
    for pairs in (["privacy_delta=1e-6"], ["privacy_delta=1e-6", "privacy_epsilon=8"]):
        with pytest.raises(UserError) as caught:
            read_settings(None, pairs, refused=refused)
        assert told in str(caught.value)
        assert "Add that" not in str(caught.value.hint)
        assert "eave privacy_" in str(caught.value.hint)


def test_what_is_as_usual_hides_no_other_mistake() -> None:
    with pytest.raises(UserError, match="adversarial=0 takes none"):
        read_settings(None, ["seeds=1", "adversarial_steps=3"], refused=OF_ONE_RUN)


def test_a_trial_learns_from_no_other_model() -> None:
    for pair in ("distillation_weight=0.2", "distillation_temperature=3"):
        with pytest.raises(UserError, match="each trial is one run"):
            read_settings(None, [pair], refused=OF_ONE_RUN)


def test_what_a_search_turns_on_may_be_chosen() -> None:
    assert read_settings(None, ["lora_rank=8"], searched=["strategy"]).lora_rank == 8
    with pytest.raises(UserError, match="averaging=ema"):
        read_settings(None, ["averaging_decay=0.9"], searched=["strategy"])


def test_the_table_speaks_of_settings_that_there_are() -> None:
    fields = Settings.model_fields
    assert {*NEEDS} <= {*fields}
    assert {name for need in NEEDS.values() for name in need.by} <= {*fields}
