"""A module whose weights are shared out among the processes of one `torchrun` (FSDP)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from common.models.adapting.architectures import layer_of

# A layer itself, whose parts have longer names.
WHOLE_LAYER = re.compile(r"\.\d+$")


class Sharded(nn.Module):
    """`module`, computed as by one process, while each process keeps its part alone.

    Each layer's weights are gathered as it computes, and let go again; gradients are averaged and
    shared out in the same way (Zhao et al. 2023, arXiv 2304.11277).

    Args:
        module: the same in all processes; it is changed in place.
        precision: `bf16` or `fp32`.
    """

    def __init__(self, module: nn.Module, device: torch.device, precision: str) -> None:
        super().__init__()
        _widen_scalars(module)
        mesh = init_device_mesh(device.type, (dist.get_world_size(),))
        layers = [
            layer
            for name, layer in module.named_modules()
            if WHOLE_LAYER.search(name) and layer_of(f"{name}.") is not None
        ]
        for layer in layers:
            fully_shard(layer, mesh=mesh)
        fully_shard(module, mesh=mesh)
        self.module = module
        self._device, self._in_half = device.type, precision == "bf16"

    def forward(self, **batch: Tensor) -> dict[str, Tensor]:
        """As the module's, in float32."""
        with torch.autocast(self._device, torch.bfloat16, enabled=self._in_half):
            outputs: Mapping[str, Tensor] = self.module(**batch)
        return {
            name: tensor.float() if tensor.is_floating_point() else tensor
            for name, tensor in outputs.items()
        }

    def gather_into(self, whole: nn.Module) -> None:
        """Copy what was learned into a module of the same shape; all processes take part."""
        # They are DTensors by now.
        parts: dict[str, Any] = dict(self.module.named_parameters())
        with torch.no_grad():
            for name, parameter in whole.named_parameters():
                if parameter.requires_grad:
                    parameter.copy_(parts[name].full_tensor().view_as(parameter))


def _widen_scalars(module: nn.Module) -> None:
    """Make each parameter of no dimension a vector of one, for only dimensions are shared out."""
    for owner in module.modules():
        for name, parameter in owner.named_parameters(recurse=False):
            if parameter.dim() == 0:
                wide = nn.Parameter(parameter.detach().view(1), parameter.requires_grad)
                owner.register_parameter(name, wide)
