"""Adversarial training: a second pass over the batch, its embeddings moved against the model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class EmbeddingPerturbation:
    """The fast gradient method on word embeddings (Miyato et al. 2017, arXiv 1605.07725).

    Inside `record()`, the embeddings' gradient is kept; inside `apply()`, `norm` times its
    direction (normalised over the batch) is added to the same batch's embeddings. It works on the
    embeddings' output, so it needs no trained embedding table.
    """

    def __init__(self, embeddings: nn.Module, norm: float) -> None:
        self.embeddings = embeddings
        self.norm = norm
        self._output: Tensor | None = None

    @contextmanager
    def record(self) -> Iterator[None]:
        """Keep the embeddings of the forward pass made inside, and their gradient."""

        def keep(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
            if not output.requires_grad:
                output.requires_grad_()
            output.retain_grad()
            self._output = output
            return output

        with self._hooked(keep):
            yield

    @contextmanager
    def apply(self) -> Iterator[None]:
        """Perturb the embeddings of the forward pass made inside, along the kept gradient."""
        if self._output is None or self._output.grad is None:
            raise RuntimeError("record() a forward and a backward pass first")
        gradient = self._output.grad
        length = torch.linalg.vector_norm(gradient.float()).clamp(min=1e-12)
        perturbation = self.norm * gradient / length
        self._output = None

        def move(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
            moved: Tensor = output + perturbation.to(output.dtype)
            return moved

        with self._hooked(move):
            yield

    @contextmanager
    def _hooked(self, hook: Any) -> Iterator[None]:
        handle = self.embeddings.register_forward_hook(hook)
        try:
            yield
        finally:
            handle.remove()
