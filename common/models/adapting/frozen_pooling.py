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
        known: what several of the same encoder have read, by precision and token ids; None: it
            shares with none.
    """

    def __init__(
        self,
        pooled: PooledEncoder,
        known: dict[bytes, Tensor] | None = None,
        texts_kept: int = TEXTS_KEPT,
    ) -> None:
        super().__init__(pooled.encoder, [*pooled.pooling], pooled.prompt_tokens)
        self.texts_kept = texts_kept
        self._read = pooled.forward
        self._known = {} if known is None else known

    def train(self, mode: bool = True) -> FrozenPooling:
        """The encoder stays in evaluation."""
        super().train(mode)
        self.encoder.eval()
        self.pooling.eval()
        return self

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """[batch, tokens] twice → [batch, width] in float32, without gradients."""
        ids, mask = input_ids.cpu(), attention_mask.cpu().bool()
        precision = _precision(input_ids.device)
        keys = [
            precision + row[real].numpy().tobytes() for row, real in zip(ids, mask, strict=True)
        ]
        new = [number for number, key in enumerate(keys) if key not in self._known]
        found = {}
        if new:
            with torch.no_grad():
                vectors = self._read(input_ids[new], attention_mask[new]).cpu()
            # Copies: a row that is a view would keep the whole batch.
            found = {keys[number]: row.clone() for number, row in zip(new, vectors, strict=True)}
            room = self.texts_kept - len(self._known)
            self._known.update(list(found.items())[: max(room, 0)])
        rows = [found[key] if key in found else self._known[key] for key in keys]
        return torch.stack(rows).to(input_ids.device)


def _precision(device: torch.device) -> bytes:
    """What autocast computes in: in another precision a text's vector is another one."""
    if not torch.is_autocast_enabled(device.type):
        return b""
    return str(torch.get_autocast_dtype(device.type)).encode()
