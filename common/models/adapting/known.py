"""What an encoder has read, for as long as it would read it the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


# Some 20,000 texts of 16 tokens in 384 dimensions; what comes after them is read each time.
BYTES_KEPT = 1 << 29


@dataclass
class Known:
    """Shared by all modules of one encoder.

    Attributes:
        top_layers: how many of its layers learn, while all below stays as it is; 0: none learns;
            None: all may.
        has_begun: whether those that learn are no longer what was pretrained.
        vectors: what it makes of a text, by precision and token ids.
        states: what the layers that do not learn make of one, [tokens, width].
        room: how many bytes of states may still be kept.
    """

    top_layers: int | None = 0
    has_begun: bool = False
    vectors: dict[bytes, Tensor] = field(default_factory=dict)
    states: dict[bytes, Tensor] = field(default_factory=dict)
    room: int = BYTES_KEPT

    def begin(self) -> None:
        """From now on what learns reads each text anew."""
        if self.top_layers != 0:
            self.has_begun = True
            self.vectors.clear()

    def again(self) -> Known:
        """For the same encoder, loaded anew: what it reads alike is not read again."""
        vectors = self.vectors if self.top_layers == 0 else {}
        return Known(self.top_layers, vectors=vectors, states=self.states, room=self.room)

    def keep(self, key: bytes, states: Tensor) -> None:
        """Keep a text's states, if there is room."""
        size = states.numel() * states.element_size()
        if size <= self.room:
            self.room -= size
            self.states[key] = states
