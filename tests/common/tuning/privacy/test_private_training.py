from __future__ import annotations

import math
import random
import string
from pathlib import Path
from typing import Any

import pytest
import torch
from opacus.accountants import RDPAccountant
from toy import LETTERS, WORDS, ToyTask, tune

from common.errors import UserError
from common.models.encoder import load_encoder
from common.models.sources.bundled import Source
from common.records.splits import Splits
from common.tuning.finetune import Tuned, finetune
from common.tuning.privacy.budget import TOLERANCE, check_private, noise_for, plan_budget
from common.tuning.settings import Settings
from common.tuning.task import Batch, Tokenize

PRIVATE: dict[str, Any] = {"privacy_epsilon": 8.0, "privacy_delta": 1e-3}


@pytest.fixture
def known_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same draws each time, which nobody may foresee otherwise."""
    monkeypatch.setattr("secrets.randbits", lambda _: 7)


def _epsilon(noise: float, rate: float, steps: int, delta: float) -> float:
    accountant = RDPAccountant()
    accountant.history = [(noise, rate, steps)]
    return float(accountant.get_epsilon(delta))


@pytest.mark.parametrize(("epsilon", "rate", "steps"), [(8.0, 0.03, 150), (1.0, 0.3, 20)])
def test_the_noise_keeps_to_the_budget_and_wastes_little(
    epsilon: float, rate: float, steps: int
) -> None:
    found = _epsilon(noise_for(epsilon, 1e-5, rate, steps), rate, steps, 1e-5)
    assert (1 - TOLERANCE) * epsilon <= found <= epsilon


def test_what_a_run_states_is_what_opacus_counts(tiny_model: Path, tmp_path: Path) -> None:
    stated = tune(tiny_model, tmp_path / "run", epochs=2, **PRIVATE).privacy
    assert stated is not None
    assert (stated.records, stated.steps) == (len(WORDS), 2 * (len(WORDS) // 8))
    assert stated.sampling_rate == 8 / len(WORDS)
    expected = _epsilon(stated.noise_multiplier, stated.sampling_rate, stated.steps, stated.delta)
    assert stated.epsilon == pytest.approx(expected, abs=1e-4)
    assert stated.epsilon <= stated.budget_epsilon == 8.0


@pytest.mark.parametrize("strategy", ["top-layers:1", "lora", "head"])
def test_every_strategy_learns_privately(
    tiny_model: Path, tmp_path: Path, known_noise: None, strategy: str
) -> None:
    mild = {"privacy_epsilon": 300.0, "privacy_delta": 1e-3}
    averaged = {"averaging": "ema", "averaging_decay": 0.5}
    tuned = tune(tiny_model, tmp_path / "run", strategy=strategy, epochs=6, **mild, **averaged)
    assert tuned.after["loss"] < tuned.before["loss"]
    assert tuned.privacy is not None


def test_no_loss_of_the_records_is_kept(tiny_model: Path, tmp_path: Path) -> None:
    tuned = tune(tiny_model, tmp_path / "run", epochs=1, strategy="head", **PRIVATE)
    kept = {name for entry in tuned.history for name in entry}
    assert "eval_loss" in kept and not {"loss", "train_loss"} & kept


def test_a_run_is_not_resumed(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--resume"):
        tune(tiny_model, tmp_path / "run", resume=True, **PRIVATE)


def test_several_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match="one process"):
        check_private(Settings(**PRIVATE))


def test_without_opacus_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.tuning.privacy.budget.find_spec", lambda _: None)
    check_private(Settings())
    with pytest.raises(UserError, match="Opacus is not installed"):
        check_private(Settings(**PRIVATE))


def test_what_is_added_to_the_loss_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    def term(module: Any, batch: Any, outputs: Any) -> torch.Tensor:
        return torch.zeros(())

    encoder = load_encoder(Source("tiny", tiny_model))
    settings = Settings(epochs=1, batch_size=8, device="cpu", **PRIVATE)
    with pytest.raises(UserError, match="added to the loss"):
        finetune(ToyTask(), encoder, Splits(WORDS, [], []), settings, work=tmp_path, terms=[term])


@pytest.mark.parametrize(
    "other",
    [
        {"adversarial": 0.5},
        {"r_drop": 1.0},
        {"class_weights": "balanced"},
        {"logit_adjustment": 1.0},
        {"contrastive_epochs": 1},
        {"accumulation": 2},
        {"strategy": "ia3"},
        {"strategy": "adalora"},
        {"strategy": "lora", "lora_variant": "dora"},
        {"precision": "bf16"},
    ],
)
def test_what_breaks_the_bound_is_refused_beside_it(other: dict[str, Any]) -> None:
    Settings(**other)
    with pytest.raises(UserError, match="privacy_epsilon"):
        Settings(**other, **PRIVATE)


def test_a_budget_that_protects_nobody_is_refused() -> None:
    settings = Settings(privacy_epsilon=8.0, privacy_delta=0.01, batch_size=8)
    with pytest.raises(UserError, match="privacy_delta"):
        plan_budget(200, settings)
    with pytest.raises(UserError, match="fewer than batch_size"):
        plan_budget(7, settings)


class SecretsTask(ToyTask):
    """Texts with a label that nothing in them tells."""

    def collate(self, records: Any, tokenize: Tokenize) -> Batch:
        labels = torch.tensor([label for _, label in records])
        return tokenize([text for text, _ in records]) | {"label": labels}

    def input(self, record: Any) -> str:
        return str(record[0])


def _secrets(seed: int, count: int) -> list[tuple[str, int]]:
    draw = random.Random(seed)
    words = ["".join(draw.choices(string.ascii_lowercase, k=8)) for _ in range(count)]
    return [(word, draw.randrange(len(LETTERS))) for word in words]


def _exposure(tuned: Tuned[Any], planted: list[tuple[str, int]]) -> float:
    """Mean over planted secrets of log2 |R| - log2 rank, by the loss among others like them.

    Carlini et al. 2019, arXiv 1802.08232.
    """
    others = _secrets(1, 255)
    both = [*planted, *others]
    logits = tuned.predict([text for text, _ in both])["logits"]
    loss = torch.nn.functional.cross_entropy(
        logits, torch.tensor([label for _, label in both]), reduction="none"
    )
    own, reference = loss[: len(planted)], loss[len(planted) :]
    ranks = 1 + (reference[None] < own[:, None]).sum(1)
    return float((math.log2(len(others) + 1) - ranks.double().log2()).mean())


@pytest.mark.slow
def test_secrets_are_learned_by_heart_without_privacy_and_not_with_it(
    tiny_model: Path, tmp_path: Path, known_noise: None
) -> None:
    planted = _secrets(0, 16)
    usual = [(word, LETTERS.index(word[0])) for word in WORDS * 4]
    records = [*usual, *planted * 4]
    exposure = {}
    for name, private in (("plain", {}), ("private", {**PRIVATE, "privacy_epsilon": 1.0})):
        encoder = load_encoder(Source("tiny", tiny_model), dropout=0.0)
        settings = Settings(
            epochs=20,
            batch_size=32,
            learning_rate=3e-3,
            head_learning_rate=1e-2,
            precision="fp32",
            device="cpu",
            tracking=None,
            **private,
        )
        tuned = finetune(
            SecretsTask(), encoder, Splits(records, [], []), settings, work=tmp_path / name
        )
        exposure[name] = _exposure(tuned, planted)
    # By chance the mean is 1.4 (log2 e); the most there can be is 8.
    assert exposure["plain"] > 4
    assert exposure["private"] < 3
