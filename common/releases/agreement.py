"""How nearly a model in 8 bits says what the whole one says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Agreement:
    """Measured on held-out texts.

    Attributes:
        cosine: mean, of the embeddings.
        same: share of texts that get the same answer.
        layers: whether all weights are in 8 bits, or the table of words alone.
    """

    texts: int
    cosine: float
    same: float
    megabytes: float
    layers: bool

    @property
    def what(self) -> str:
        """What is in 8 bits, for people."""
        return "all weights in 8 bits" if self.layers else "the table of words in 8 bits"
