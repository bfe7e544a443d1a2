"""Adversarial training: the batch once more, its embeddings moved against the model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

# All steps together could go this many times as far as they may: they reach the edge and move
# along it (Madry et al.).
REACH = 2.5


class EmbeddingPerturbation:
    """Gradient steps on word embeddings, none further from them than `norm`.

    One step is the fast gradient method (Miyato et al. 2017, arXiv 1605.07725): `norm` times the
    gradient's direction, normalised over the batch. Several are projected gradient descent (Madry
    et al. 2017, arXiv 1706.06083): each is `REACH` · `norm` / `steps` long, and what then lies
    outside of the ball of radius `norm` is put back on its surface.

    Inside `record()` the gradient of the embeddings is kept; inside each `apply()`, which comes
    after a backward pass, the embeddings are moved one step further, and theirs is kept. It works
    on the embeddings' output, so it needs no trained embedding table.
    """

    def __init__(self, embeddings: nn.Module, norm: float, steps: int = 1) -> None:
        self.embeddings = embeddings
        self.norm = norm
        self.steps = steps
        self._moved: Tensor | None = None
        self._outputs: list[Tensor] = []

    @contextmanager
    def record(self) -> Iterator[None]:
        """Keep the embeddings of the forward passes made inside, and their gradient."""
        self._moved = None
        with self._watched():
            yield

    @contextmanager
    def apply(self) -> Iterator[None]:
        """Move the embeddings of the forward passes made inside, one step along the gradient."""
        self._moved = self._next()
        with self._watched():
            yield

    def _next(self) -> Tensor:
        gradients = [output.grad for output in self._outputs if output.grad is not None]
        if not gradients:
            raise RuntimeError("record() a forward and a backward pass first")
        # A technique may read the same batch twice; both readings are moved alike.
        gradient = torch.stack(gradients).sum(0)
        length = torch.linalg.vector_norm(gradient.float()).clamp(min=1e-12)
        moved: Tensor = REACH * self.norm / self.steps * gradient / length
        if self._moved is not None:
            moved = moved + self._moved
        away = torch.linalg.vector_norm(moved.float()).clamp(min=1e-12)
        kept: Tensor = moved * (self.norm / away).clamp(max=1)
        return kept

    @contextmanager
    def _watched(self) -> Iterator[None]:
        self._outputs = []

        def watch(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
            if self._moved is not None:
                output = output + self._moved.to(output.dtype)
            if not output.requires_grad:
                output.requires_grad_()
            output.retain_grad()
            self._outputs.append(output)
            return output

        handle = self.embeddings.register_forward_hook(watch)
        try:
            yield
        finally:
            handle.remove()


@contextmanager
def gradients_kept(module: nn.Module) -> Iterator[None]:
    """Whatever is computed inside, the parameters' gradients are afterwards as before."""
    before = {p: None if p.grad is None else p.grad.clone() for p in module.parameters()}
    yield
    for parameter, gradient in before.items():
        parameter.grad = gradient
