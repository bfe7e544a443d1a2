"""The gradient of a private step: each record's own, bounded, summed, and noise over the sum.

DP-SGD (Abadi et al. 2016, arXiv 1607.00133). What comes after the noise (the optimizer, averaged
weights, the choice of an epoch on public records) is free: it looks at no record any more.
"""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from opacus.accountants import create_accountant
from opacus.grad_sample import GradSampleHooks
from opacus.optimizers import DPOptimizer
from torch import Tensor, nn

from common.errors import UserError
from common.finite import require_finite
from common.models.pooling import PooledEncoder
from common.tuning.privacy.budget import ACCOUNTANT, Budget, Statement, spent
from common.tuning.task import Batch, EncoderModule, TaskModule

# Layers of an encoder whose gradients are known record by record.
KNOWN = (nn.Linear, nn.LayerNorm)
# Numbers in the gradients of all records that are held at once: a gigabyte.
NUMBERS_HELD = 250_000_000
MOST_RECORDS = 64


class PrivateGradients:
    """Gives the parameters of `module` that learn the gradient of one private step.

    Encoder and pooling read a batch together, in which no record changes another, and Opacus' hooks
    tell their gradients apart. Heads and loss, which may mix records (a mean over those whose
    label is known), are asked for one record after the other.
    """

    def __init__(
        self, module: EncoderModule, optimizer: torch.optim.Optimizer, budget: Budget
    ) -> None:
        self.module = module
        self.budget = budget
        self.accountant = create_accountant(ACCOUNTANT)
        device = next(module.parameters()).device
        within = {id(parameter) for parameter in module.pooled.parameters()}
        learning = [one for one in module.parameters() if one.requires_grad]
        self.heads = [one for one in learning if id(one) not in within]
        self._vectors = _GivenVectors(module.pooled.encoder)
        self._hooks = None
        if len(self.heads) < len(learning):
            self._hooks = GradSampleHooks(module.pooled, loss_reduction="sum", strict=False)
        size = sum(one.numel() for one in learning)
        self.records_at_once = max(1, min(MOST_RECORDS, NUMBERS_HELD // size))
        # Drawn from a seed that nobody knows: whoever knew it could take the noise off again.
        generator = torch.Generator(device).manual_seed(secrets.randbits(63))
        # `secure_mode` adds up four draws, against what the gaps between floating-point numbers
        # give away (Holohan & Braghin 2021, arXiv 2107.10138).
        self._private = DPOptimizer(
            optimizer,
            noise_multiplier=budget.noise,
            max_grad_norm=budget.clipping,
            expected_batch_size=max(1, round(budget.rate * budget.records)),
            generator=generator,
            secure_mode=True,
        )
        self._private.attach_step_hook(self.accountant.get_optimizer_hook_fn(budget.rate))

    @property
    def statement(self) -> Statement:
        """What the steps so far guarantee."""
        return spent(self.accountant, self.budget)

    def fill(self, batches: Sequence[Batch]) -> None:
        """Let `grad` of what learns be the noisy mean over the records of `batches`.

        Args:
            batches: the records of one step, in parts; none where no record was drawn, which is
                a step all the same.

        Raises:
            NonFiniteError: a gradient is no number.
        """
        if not batches:
            self._no_record()
            self._private.pre_step()
        for number, batch in enumerate(batches, 1):
            self._record_by_record(batch)
            self._private.signal_skip_step(number < len(batches))
            self._private.pre_step()
            for parameter in self._private.params:
                parameter.grad_sample = None
        norm = 0.0
        for parameter in self._private.params:
            parameter.grad_sample = parameter.summed_grad = None
            norm += float(parameter.grad.norm()) if parameter.grad is not None else 0.0
        require_finite("training", hint="Lower the learning rate.", gradient=norm)

    def close(self) -> None:
        """Take off the hooks."""
        if self._hooks is not None:
            self._hooks.cleanup()

    def _no_record(self) -> None:
        for parameter in self._private.params:
            parameter.grad_sample = parameter.new_zeros((0, *parameter.shape))

    def _record_by_record(self, batch: Batch) -> None:
        """Let `grad_sample` of each parameter be [records, …], the gradients of each one's loss."""
        pooled = self.module.pooled
        vectors = pooled(batch["input_ids"], batch["attention_mask"])
        of_vectors, of_heads = self._through_heads(batch, vectors.detach())
        for parameter, gradients in zip(self.heads, of_heads, strict=True):
            parameter.grad_sample = gradients  # type: ignore[attr-defined]
        if self._hooks is not None:
            with warnings.catch_warnings():
                # The first layer that learns stands on what is frozen; its gradient is right.
                warnings.filterwarnings("ignore", message="Full backward hook is firing")
                vectors.backward(of_vectors)
        for parameter in self._private.params:
            found = parameter.grad_sample
            if not isinstance(found, Tensor) or len(found) != len(vectors):
                raise UserError(
                    "privacy_epsilon: this encoder does not tell its records apart",
                    hint="Take another backbone, or strategy=head.",
                )

    def _through_heads(self, batch: Batch, vectors: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Gradients of each record's loss: of its vector [records, width], and of each head."""
        pooled, found = self.module.pooled, []
        self.module.pooled = self._vectors
        try:
            for row in range(len(vectors)):
                self._vectors.given = vectors[row : row + 1].requires_grad_()
                one = {name: tensor[row : row + 1] for name, tensor in batch.items()}
                loss = self.module(**one)["loss"]
                wanted = [self._vectors.given, *self.heads]
                found.append(
                    torch.autograd.grad(loss, wanted, allow_unused=True, materialize_grads=True)
                )
        finally:
            self.module.pooled = pooled
        of_vectors, *of_heads = zip(*found, strict=True)
        return torch.cat(of_vectors), [torch.stack(one) for one in of_heads]


class _GivenVectors(PooledEncoder):
    """Gives the vectors that were read before."""

    given: Tensor

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.given


def freeze_shared(module: TaskModule) -> None:
    """Freeze what is read for all records together, and see that the rest tells them apart.

    Tables of embeddings are frozen: the gradient of one record would be as large as the table.

    Raises:
        UserError: records are learned together, or the encoder has layers whose gradients are not
            known record by record.
    """
    if not isinstance(module, EncoderModule) or not module.is_record_by_record:
        raise UserError(
            "privacy_epsilon: this task does not learn from each record by itself",
            hint="Train it without privacy_epsilon.",
        )
    for layer in module.pooled.modules():
        own: list[Any] = [one for one in layer.parameters(recurse=False) if one.requires_grad]
        if isinstance(layer, nn.Embedding):
            for parameter in own:
                parameter.requires_grad = False
        elif isinstance(layer, nn.modules.batchnorm._BatchNorm) or (
            own and not isinstance(layer, KNOWN)
        ):
            raise UserError(
                f"privacy_epsilon: gradients of single records are not known of a "
                f"{type(layer).__name__}, which this encoder has",
                hint="Take another backbone, or strategy=head.",
            )
