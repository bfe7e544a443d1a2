"""What is added to a frozen network to learn in its place, and how large it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

AdapterKind = Literal["lora", "adalora", "ia3", "adapter", "prompt", "prefix"]
LoraVariant = Literal["plain", "rslora", "dora"]
# What can be computed into the weights, so that nothing is left of it.
FOLDABLE = frozenset({"lora", "adalora", "ia3"})
# What counts for each.
SIZES: Mapping[AdapterKind, tuple[str, ...]] = {
    "lora": ("rank", "alpha", "dropout", "variant", "frozen_a"),
    "adalora": ("rank", "initial_rank", "alpha", "dropout"),
    "ia3": (),
    "adapter": ("width",),
    "prompt": ("tokens",),
    "prefix": ("tokens",),
}
# The folder of what was pretrained, where it is written apart from what was added.
BASE = "base"
# Where a network's base model says what was added to it.
NOTE = "adapter_added"


@dataclass(frozen=True)
class Adapter:
    """A technique and its sizes; `SIZES` says which of them count for it.

    Attributes:
        rank: of `lora`; of `adalora` on average, once ranks are allocated.
        initial_rank: of `adalora`, before that.
        alpha: low-rank products are scaled by `alpha / rank`.
        frozen_a: of `lora`, whose product is B A: A stays as it was drawn, and B alone learns.
        width: hidden units of an `adapter`.
        tokens: number of learned vectors before a text, of `prompt` and `prefix`.
    """

    kind: AdapterKind
    rank: int = 16
    initial_rank: int = 24
    alpha: int = 32
    dropout: float = 0.0
    variant: LoraVariant = "plain"
    frozen_a: bool = False
    width: int = 64
    tokens: int = 20

    @property
    def is_foldable(self) -> bool:
        """Whether it can be computed into the weights."""
        return self.kind in FOLDABLE

    @property
    def sizes(self) -> dict[str, Any]:
        """Those that count."""
        return {name: getattr(self, name) for name in SIZES[self.kind]}


def adapter_of(network: Any) -> Adapter | None:
    """What was added to `network`, if anything was, and is not folded in."""
    return getattr(network.base_model, NOTE, None)
