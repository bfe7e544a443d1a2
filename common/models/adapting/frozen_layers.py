"""The layers that do not learn read a text once, however often those above come back to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from common.models.adapting.architectures import layers_of
from common.models.adapting.frozen_pooling import text_keys
from common.models.adapting.known import Known
from common.models.pooling import PooledEncoder


class PartlyFrozenPooling(PooledEncoder):
    """A `PooledEncoder` of which the top layers learn; what stands below is remembered.

    That reads as in evaluation: dropout, which would make each reading another one, acts above
    it alone.

    Args:
        known: what modules of the same encoder share; its `top_layers` learn.
    """

    def __init__(self, pooled: PooledEncoder, known: Known) -> None:
        super().__init__(pooled.encoder, [*pooled.pooling], pooled.prompt_tokens)
        layers = layers_of(self.encoder)
        learning = min(known.top_layers or 0, len(layers))
        self._below, self._above = layers[: -learning or None], layers[len(layers) - learning :]
        self._known = known
        # A family whose layers give more than hidden states hands something on to the next one.
        self._can_skip = bool(self._below)

    def train(self, mode: bool = True) -> PartlyFrozenPooling:
        """Only what learns leaves evaluation."""
        super().train(mode)
        if self._can_skip:
            self.encoder.eval()
            for layer in self._above:
                layer.train(mode)
        return self

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """[batch, tokens] twice → [batch, width] in float32."""
        hidden = self._read_below(input_ids, attention_mask) if self._can_skip else None
        if hidden is None:
            return super().forward(input_ids, attention_mask)
        with _giving(self._below, hidden):
            return super().forward(input_ids, attention_mask)

    def _read_below(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor | None:
        """[batch, tokens, width] above the layers that do not learn."""
        ids, mask = input_ids.cpu(), attention_mask.cpu().bool()
        keys = text_keys(ids, mask, input_ids.device)
        new = [number for number, key in enumerate(keys) if key not in self._known.states]
        found: dict[bytes, Tensor] = {}
        if new:
            # Beside longer texts these were padded further than they need.
            columns = mask[new].any(0)
            read = self._last_below(input_ids[new][:, columns], attention_mask[new][:, columns])
            if read is None:
                return None
            for number, row in zip(new, read, strict=True):
                found[keys[number]] = row[mask[number][columns]].clone()
                self._known.keep(keys[number], found[keys[number]])
        rows = [found[key] if key in found else self._known.states[key] for key in keys]
        hidden = rows[0].new_zeros(*mask.shape, rows[0].shape[-1])
        hidden[mask] = torch.cat(rows)
        return hidden.to(input_ids.device)

    def _last_below(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor | None:
        """What the last of them gives, on the CPU; None where it gives more than one tensor."""
        given: object = None
        watched = self._below[-1].register_forward_hook(_stop_here)
        try:
            with torch.no_grad():
                self.encoder(input_ids=input_ids, attention_mask=attention_mask)
        except _ReachedError as reached:
            given = reached.given
        finally:
            watched.remove()
        self._can_skip = isinstance(given, Tensor)
        return given.cpu() if isinstance(given, Tensor) else None


class _ReachedError(Exception):
    """What a pass was made for is there; it need not go on."""

    def __init__(self, given: object) -> None:
        super().__init__()
        self.given = given


def _stop_here(_layer: nn.Module, _inputs: object, given: object) -> None:
    raise _ReachedError(given)


@contextmanager
def _giving(layers: Sequence[nn.Module], hidden: Tensor) -> Iterator[None]:
    """Let the layers give these hidden states, whatever they are given."""

    def forward(*_: Any, **__: Any) -> Tensor:
        return hidden

    for layer in layers:
        layer.forward = forward
    try:
        yield
    finally:
        for layer in layers:
            # The class's own shows again.
            del layer.forward
