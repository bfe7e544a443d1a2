"""A frozen encoder reads a text once, however often training comes back to it."""

from __future__ import annotations

import torch
from torch import Tensor

from common.models.pooling import PooledEncoder

# 200,000 vectors of 384 float32 are some 300 MB; what comes after them is encoded each time.
TEXTS_KEPT = 200_000


class FrozenPooling(PooledEncoder):
    """A `PooledEncoder` whose encoder does not learn, and which remembers its vectors.

    The encoder reads as in evaluation, so dropout, which would make each reading another one,
    acts above it alone.

    Args:
        known: the vectors that several of the same encoder share; None: it shares with none.
    """

    def __init__(
        self,
        pooled: PooledEncoder,
        known: dict[bytes, Tensor] | None = None,
        texts_kept: int = TEXTS_KEPT,
    ) -> None:
        super().__init__(pooled.encoder, [*pooled.pooling], pooled.prompt_tokens)
        self.texts_kept = texts_kept
        # Not a part of this module beside the encoder, which is one already.
        self._within = (pooled,)
        self._known = {} if known is None else known

    @property
    def thawed(self) -> PooledEncoder:
        """The same, for when the encoder learns."""
        return self._within[0]

    def train(self, mode: bool = True) -> FrozenPooling:
        """The encoder stays in evaluation."""
        super().train(mode)
        self.encoder.eval()
        self.pooling.eval()
        return self

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """[batch, tokens] twice → [batch, width] in float32, without gradients."""
        keys = text_keys(input_ids.cpu(), attention_mask.cpu().bool(), input_ids.device)
        new = [number for number, key in enumerate(keys) if key not in self._known]
        found = {}
        if new:
            with torch.no_grad():
                vectors = self.thawed(input_ids[new], attention_mask[new]).cpu()
            # Copies: a row that is a view would keep the whole batch.
            found = {keys[number]: row.clone() for number, row in zip(new, vectors, strict=True)}
            room = self.texts_kept - len(self._known)
            self._known.update(list(found.items())[: max(room, 0)])
        rows = [found[key] if key in found else self._known[key] for key in keys]
        return torch.stack(rows).to(input_ids.device)


def text_keys(input_ids: Tensor, is_real: Tensor, device: torch.device) -> list[bytes]:
    """A key for each text of [batch, tokens], twice on the CPU, however far it is padded.

    What is computed in another precision is another text's.
    """
    precision = _precision(device)
    return [
        precision + row[real].numpy().tobytes()
        for row, real in zip(input_ids, is_real, strict=True)
    ]


def _precision(device: torch.device) -> bytes:
    """What autocast computes in."""
    if not torch.is_autocast_enabled(device.type):
        return b""
    return str(torch.get_autocast_dtype(device.type)).encode()
