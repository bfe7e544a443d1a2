"""A task small enough to be learned in a second, for every kind of pretrained model.

Which letter does a word begin with? An encoder tells its class, a pair scorer that it is not
z, a generator says it.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from processes import run
from torch import nn

from common.models.encoder import Encoder, load_encoder, save_encoder
from common.models.generator import Generator, Message, load_generator, save_generator
from common.models.loading import Pretrained
from common.models.pair_scorer import Pair, PairScorer, load_pair_scorer, save_pair_scorer
from common.models.pooling import PooledEncoder
from common.models.sources.bundled import Source
from common.records.splits import Splits
from common.tuning import losses
from common.tuning.finetune import Tuned, finetune
from common.tuning.settings import Settings
from common.tuning.task import Batch, EncoderModule, Metric, Predict, TaskModule, Tokenize

LETTERS = "abcd"
WORDS = [first + rest for first in LETTERS for rest in ("mno", "pqr", "st", "uvwx", "y", "zz")]


def _labels(records: Sequence[str]) -> torch.Tensor:
    return torch.tensor([LETTERS.index(record[0]) for record in records])


class ToyModule(EncoderModule):
    is_record_by_record = True

    def __init__(self, pooled: PooledEncoder, width: int) -> None:
        super().__init__()
        self.pooled = pooled
        self.head = nn.Linear(width, len(LETTERS))

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        label: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:
        logits = self.head(self.pooled(input_ids, attention_mask))
        outputs = {"logits": logits}
        if label is not None:
            outputs["loss"] = losses.classification(logits, label)
        return outputs


class ToyTask:
    name = "toy"
    monitors = (Metric("loss", higher_is_better=False), Metric("accuracy"))

    def build(self, backbone: Encoder, precision: str = "fp32") -> ToyModule:
        return ToyModule(backbone.pooled(), backbone.dimension)

    def input(self, record: str) -> str:
        return record

    def collate(self, records: Sequence[str], tokenize: Tokenize) -> Batch:
        return tokenize(records) | {"label": _labels(records)}

    def measure(self, predict: Predict, records: Sequence[str]) -> dict[str, float]:
        logits, labels = predict(records)["logits"], _labels(records)
        return {
            "loss": float(losses.classification(logits, labels)),
            "accuracy": float((logits.argmax(-1) == labels).float().mean()),
        }


class PairModule(TaskModule):
    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, label: torch.Tensor | None = None, **batch: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        scores = self.network(**batch).logits.squeeze(-1)
        outputs = {"logits": scores}
        if label is not None:
            # One right and one wrong partner follow each other.
            outputs["loss"] = losses.pairwise(scores.view(-1, 2), label.view(-1, 2) > 0).mean()
        return outputs


class PairTask:
    name = "toy pairs"
    monitors = (Metric("loss", higher_is_better=False),)

    def build(self, scorer: PairScorer, precision: str = "fp32") -> PairModule:
        return PairModule(scorer.network)

    def input(self, record: str) -> Pair:
        return self._pairs([record])[0]

    def collate(self, records: Sequence[str], tokenize: Tokenize) -> Batch:
        return tokenize(self._pairs(records)) | {"label": torch.tensor([1, 0] * len(records))}

    def measure(self, predict: Predict, records: Sequence[str]) -> dict[str, float]:
        scores = predict(self._pairs(records))["logits"].view(-1, 2)
        is_right = torch.tensor([[True, False]] * len(records))
        return {
            "loss": float(losses.pairwise(scores, is_right).mean()),
            "accuracy": float((scores[:, 0] > scores[:, 1]).float().mean()),
        }

    def _pairs(self, records: Sequence[str]) -> list[Pair]:
        return [(word, partner) for word in records for partner in (word[0], "z")]


class SayingModule(TaskModule):
    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        completion_mask: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        logits = self.network(input_ids=input_ids, attention_mask=attention_mask).logits
        nll = losses.completion_nll(logits, input_ids, completion_mask)
        return {"logits": nll, "loss": nll.mean()}


class SayingTask:
    name = "toy sayings"
    monitors = (Metric("loss", higher_is_better=False),)

    def build(self, generator: Generator, precision: str = "fp32") -> SayingModule:
        return SayingModule(generator.network)

    def input(self, record: str) -> list[Message]:
        return [
            {"role": "user", "content": " ".join(record)},
            {"role": "assistant", "content": f"{record[0]} {record[0]}"},
        ]

    def collate(self, records: Sequence[str], tokenize: Tokenize) -> Batch:
        return tokenize([self.input(record) for record in records])

    def measure(self, predict: Predict, records: Sequence[str]) -> dict[str, float]:
        found = predict([self.input(record) for record in records])["logits"]
        return {"loss": float(found.mean())}


KINDS: dict[str, tuple[Any, Any, Any]] = {
    "encoder": (ToyTask, load_encoder, save_encoder),
    "pair scorer": (PairTask, load_pair_scorer, save_pair_scorer),
    "generator": (SayingTask, load_generator, save_generator),
}


def outputs(kind: str, pretrained: Any, inputs: list[Any]) -> torch.Tensor:
    """What whoever opens a model gets of it for some inputs: vectors, scores or next tokens."""
    pretrained.network.eval()
    with torch.no_grad():
        found: torch.Tensor
        if kind == "pair scorer":
            found = pretrained.network(**pretrained.tokenize(inputs)).logits.squeeze(-1)
        elif kind == "generator":
            rows = [pretrained.tokenize([one[:-1]])["input_ids"] for one in inputs]
            found = torch.stack([pretrained.network(row).logits[0, -1] for row in rows])
        else:
            vectors = pretrained.pooled()(**pretrained.tokenize(inputs))
            found = torch.nn.functional.normalize(vectors, dim=-1)
        return found


def tune(
    model: Path, work: Path, *, resume: bool = False, kind: str = "encoder", **settings: object
) -> Tuned[Any]:
    chosen = Settings(
        **{
            "epochs": 3,
            "batch_size": 8,
            "learning_rate": 2e-3,
            "head_learning_rate": 2e-2,
            "precision": "fp32",
            "device": "cpu",
            "patience": 0,
            **settings,
        }
    )
    task, load, _ = KINDS[kind]
    held = {"quantised": chosen.quantised_base} if chosen.quantised_base else {}
    pretrained: Pretrained[Any] = load(Source("tiny", model), dropout=chosen.dropout, **held)
    splits = Splits(WORDS, WORDS[::2], [])
    return finetune(task(), pretrained, splits, chosen, work=work, resume=resume)


def run_apart(model: Path, work: Path, *extra: str, ranks: int = 1) -> dict[str, Any]:
    """Fine-tune in a process of its own, or several."""
    out = work.with_suffix(".json")
    command = (Path(__file__).parent / "run_toy.py", model, work, out, *extra)
    done = run(*command, ranks=ranks)
    if any(one.startswith("die_after=") for one in extra):
        assert done.returncode == -signal.SIGKILL, done.stderr
        return {}
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(out.read_text())
    return found
