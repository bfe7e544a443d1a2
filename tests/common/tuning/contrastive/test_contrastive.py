"""Pairs before heads: what is drawn, what is learned, and where it is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from common.errors import UserError
from common.models.encoder import Encoder, load_encoder
from common.models.heads import class_means
from common.models.sources.bundled import Source
from common.records.splits import Splits
from common.tuning.contrastive.pairs import draw_pairs
from common.tuning.contrastive.task import PairTask
from common.tuning.finetune import Tuned, finetune
from common.tuning.settings import Settings
from common.tuning.task import Batch, EncoderModule, Metric, Predict, Tokenize

LETTERS = "abcd"
WORDS = [first + rest for first in LETTERS for rest in ("mno", "pqr", "st", "uvwx", "y", "zz")]


class LetterModule(EncoderModule):
    def __init__(self, encoder: Encoder, directions: torch.Tensor) -> None:
        super().__init__()
        self.pooled = encoder.pooled()
        self.directions = torch.nn.Parameter(directions)

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        label: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:
        vectors = self.pooled(input_ids, attention_mask)
        outputs = {"embedding": vectors, "logits": vectors @ self.directions.T}
        if label is not None:
            outputs["loss"] = torch.nn.functional.cross_entropy(outputs["logits"], label)
        return outputs


class LetterTask:
    """Which letter does a word begin with? Its head starts from class means."""

    name = "letters"
    monitors = (Metric("accuracy"),)

    def build(self, encoder: Encoder, precision: str = "fp32") -> LetterModule:
        encoder.network.eval()
        with torch.no_grad():
            vectors = encoder.pooled()(**encoder.tokenize(WORDS))
        return LetterModule(encoder, class_means(vectors, self._labels(WORDS)))

    def input(self, record: str) -> str:
        return record

    def label(self, record: str) -> int | None:
        return LETTERS.index(record[0])

    def collate(self, records: Any, tokenize: Tokenize) -> Batch:
        return tokenize(records) | {"label": self._labels(records)}

    def measure(self, predict: Predict, records: Any) -> dict[str, float]:
        right = predict(records)["logits"].argmax(-1) == self._labels(records)
        return {"accuracy": float(right.float().mean())}

    def _labels(self, records: Any) -> torch.Tensor:
        return torch.tensor([LETTERS.index(record[0]) for record in records])


def _tune(
    model: Path, work: Path, *, task: Any = None, resume: bool = False, **settings: Any
) -> Tuned[Encoder]:
    chosen = Settings(
        **{
            **{"epochs": 1, "batch_size": 8, "learning_rate": 2e-3, "precision": "fp32"},
            **{"device": "cpu", "head_learning_rate": 1e-6, "strategy": "head"},
            **settings,
        }
    )
    encoder = load_encoder(Source("tiny", model), dropout=0.0)
    splits = Splits(WORDS, WORDS, [])
    return finetune(task or LetterTask(), encoder, splits, chosen, work=work, resume=resume)


class WithoutClasses(LetterTask):
    label = None  # type: ignore[assignment]


class OneClass(LetterTask):
    def label(self, record: str) -> int | None:
        return 0


def _pair_loss(tuned: Tuned[Encoder]) -> float:
    """How far the cosines of pairs that were not drawn in training are from 1 and 0."""
    pairs = draw_pairs(WORDS, [LETTERS.index(w[0]) for w in WORDS], 5, seed=7)
    return PairTask().measure(tuned.predict, pairs)["pair_loss"]


def test_each_text_has_pairs_of_both_kinds() -> None:
    pairs = draw_pairs(["a1", "a2", "b1", "b2", "c1"], [0, 0, 1, 1, 2], each=3, seed=0)
    # c1 is alone in its class.
    assert sum(pair.is_same for pair in pairs) == 12
    assert sum(not pair.is_same for pair in pairs) == 15
    assert all((pair.first[0] == pair.second[0]) == pair.is_same for pair in pairs)
    assert all(pair.first != pair.second for pair in pairs)
    assert pairs == draw_pairs(["a1", "a2", "b1", "b2", "c1"], [0, 0, 1, 1, 2], each=3, seed=0)


def test_classes_lie_apart_and_the_heads_start_anew(tiny_model: Path, tmp_path: Path) -> None:
    without = _tune(tiny_model, tmp_path / "without")
    first = _tune(tiny_model, tmp_path / "with", contrastive_epochs=4)
    assert _pair_loss(first) < 0.6 * _pair_loss(without)
    found = first.predict(WORDS)["embedding"]
    assert isinstance(first.module, LetterModule)
    expected = class_means(found, LetterTask()._labels(WORDS))
    torch.testing.assert_close(first.module.directions.detach(), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("strategy", ["full", "lora", "top-layers:1"])
def test_it_goes_before_every_strategy(strategy: str, tiny_model: Path, tmp_path: Path) -> None:
    same: dict[str, Any] = {"strategy": strategy, "learning_rate": 3e-3}
    without = _tune(tiny_model, tmp_path / "without", **same)
    tuned = _tune(tiny_model, tmp_path / "with", contrastive_epochs=4, **same)
    assert _pair_loss(tuned) < 0.8 * _pair_loss(without)
    assert not any("lora" in name for name in tuned.module.state_dict())


def test_what_chooses_among_evaluations_is_of_the_task_and_not_of_the_pairs(
    tiny_model: Path, tmp_path: Path
) -> None:
    chosen = {"monitor": "accuracy", "averaging": "soup", "evaluate_every": 2}
    tuned = _tune(tiny_model, tmp_path / "work", contrastive_epochs=1, **chosen)
    assert tuned.monitor.name == "accuracy"


def test_what_pairs_taught_is_there_again_after_resuming(tiny_model: Path, tmp_path: Path) -> None:
    whole = _tune(tiny_model, tmp_path / "work", contrastive_epochs=2)
    again = _tune(tiny_model, tmp_path / "work", contrastive_epochs=2, resume=True)
    for name, tensor in whole.module.state_dict().items():
        torch.testing.assert_close(again.module.state_dict()[name], tensor)


@pytest.mark.parametrize(
    ("task", "said"),
    [(OneClass(), "fewer than two classes"), (WithoutClasses(), "no texts of a class")],
)
def test_it_is_refused_where_there_are_no_pairs(
    task: LetterTask, said: str, tiny_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=said):
        _tune(tiny_model, tmp_path / "work", task=task, contrastive_epochs=1)
