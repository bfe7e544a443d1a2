"""What every part is given: the device, the models, how much to measure, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Literal

from common.models.devices import pick_device, pick_precision
from common.models.sources.bundled import Source
from common.models.sources.catalog import CHECKPOINTS

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    texts: int = 16_384
    turns: int = 2
    training_batch: int = 64
    causal_batch: int = 16
    warm_steps: int = 10
    steps: int = 60
    prompts: int = 32
    new_tokens: int = 128
    items: int = 10_000_000
    queries: int = 1024
    compared: int = 512
    matrix: int = 8192
    # What torch.compile makes code with; `eager` makes none, and needs no compiler.
    compiler: str = "inductor"


SMOKE = Scale(
    texts=8,
    turns=1,
    training_batch=4,
    causal_batch=2,
    warm_steps=1,
    steps=2,
    prompts=2,
    new_tokens=2,
    items=20_000,
    queries=8,
    compared=4,
    matrix=64,
    compiler="eager",
)


@dataclass(frozen=True)
class Bench:
    """One part's share of the run.

    Attributes:
        models: directories of models, by their names.
        work: a directory for what a part writes.
        until: when its share of the time is over, by `monotonic`.
    """

    models: Path
    work: Path
    scale: Scale
    is_smoke: bool
    until: float

    @property
    def left(self) -> float:
        """Seconds of its share."""
        return self.until - monotonic()

    @property
    def device(self) -> torch.device:
        """The card, or the CPU where there is none."""
        return pick_device()

    @property
    def precision(self) -> Literal["fp32", "bf16", "fp16"]:
        """What `--precision auto` takes there."""
        return pick_precision("auto", self.device)

    @property
    def dtype(self) -> torch.dtype:
        """The same for a model whose weights are in it."""
        import torch

        return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[
            self.precision
        ]

    def wait(self) -> None:
        """Until the card has done what it was given."""
        import torch

        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def source(self, name: str) -> Source:
        """Where a model is, and what it wants before a text."""
        checkpoint = CHECKPOINTS[name]
        where = (self.models / name).resolve()
        return Source(name, where, checkpoint.query_prefix, checkpoint.passage_prefix)
