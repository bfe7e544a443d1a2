"""AdaLoRA's allocation: ranks go from where they do little to where they do much."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from common.models.adapting.adapter import Adapter
from common.models.adapting.low_rank import NAME

FILE = "ranks.safetensors"
# The least important ranks go after this share of all steps; for the last share ranks are fixed.
ALL_RANKS, FIXED_RANKS = 0.1, 0.3
# What the allocator remembers of each parameter.
REMEMBERED = ("ipt", "exp_avg_ipt", "exp_avg_unc")


class RankAllocation:
    """Allocates the ranks of a network that AdaLoRA was added to (Zhang et al. 2023, 2303.10512).

    From `initial_rank` down to `rank` for each matrix on average, by how much each singular value
    with its vectors matters for the loss.
    """

    def __init__(self, base: Any, adapter: Adapter) -> None:
        from peft.tuners.adalora import RankAllocator

        self._base = base
        self._config = base.peft_config[NAME]
        self._allocator: Any = RankAllocator(base, self._config, NAME)  # type: ignore[no-untyped-call]
        self._learns = [p for name, p in base.named_parameters() if "lora_" in name]
        self.target = adapter.rank * len(self._allocator.name_set)

    def schedule(self, steps: int) -> None:
        """Say how many optimizer steps there are in all."""
        self._config.tinit = int(ALL_RANKS * steps)
        self._config.tfinal = int(FIXED_RANKS * steps)
        self._allocator.set_total_step(steps)

    def update(self, step: int) -> None:
        """Judge and mask after the optimizer's `step`, counted from 1, while gradients are there.

        As peft's `AdaLoraModel.update_and_allocate`, which wants a model of its own.
        """
        for parameter in self._learns:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            # In fp16 a step whose gradient overflows is left out: it says nothing of importance.
            parameter.grad.nan_to_num_(0.0, 0.0, 0.0)
        fixed_after = self._config.total_step - self._config.tfinal
        if step > fixed_after and self._config.rank_pattern:
            self._allocator.mask_using_rank_pattern(self._base, self._config.rank_pattern)
            return
        _, pattern = self._allocator.update_and_allocate(
            self._base, step, force_mask=step == fixed_after
        )
        self._config.rank_pattern = pattern or self._config.rank_pattern

    def used(self) -> int:
        """How many ranks are in use, over all matrices."""
        values = (p for name, p in self._base.named_parameters() if "lora_E" in name)
        return sum(int(parameter.count_nonzero()) for parameter in values)

    def save(self, checkpoint: Path) -> None:
        """Write what is remembered into the directory of a checkpoint."""
        remembered = {
            f"{part}/{name}": tensor.cpu().contiguous()
            for part in REMEMBERED
            for name, tensor in getattr(self._allocator, part).items()
        }
        pattern = json.dumps(self._config.rank_pattern)
        save_file(remembered, checkpoint / FILE, metadata={"rank_pattern": pattern})

    def load(self, checkpoint: Path) -> None:
        """Read it from there."""
        device = self._learns[0].device
        with safe_open(checkpoint / FILE, framework="pt", device=str(device)) as file:
            self._config.rank_pattern = json.loads(file.metadata()["rank_pattern"])
            for key in file.keys():  # noqa: SIM118  # no dict
                part, _, name = key.partition("/")
                getattr(self._allocator, part)[name] = file.get_tensor(key)


def orthogonality(base: nn.Module) -> Tensor:
    """How far AdaLoRA's singular vectors are from orthonormal: mean of ‖PPᵀ − I‖ over matrices.

    The Frobenius norm, in float32.
    """
    far: list[Tensor] = []
    for name, parameter in base.named_parameters():
        if "lora_A" in name or "lora_B" in name:
            vectors = parameter.float() if "lora_A" in name else parameter.float().T
            with torch.autocast(vectors.device.type, enabled=False):
                product = vectors @ vectors.T
            far.append(torch.linalg.matrix_norm(product - torch.eye(len(product)).to(product)))
    return torch.stack(far).mean()
