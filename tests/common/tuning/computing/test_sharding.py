"""What one process keeps of a module that is shared out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
import torch.distributed as dist
from torch import nn

from common.models.heads import CosineClassifier
from common.tuning.computing.sharding import Sharded


@pytest.fixture
def alone() -> Iterator[None]:
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


class Head(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.classes = CosineClassifier(torch.eye(2))

    def forward(self, vectors: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"logits": self.classes(vectors)}


@pytest.mark.usefixtures("alone")
def test_a_parameter_of_no_dimension_learns_as_in_a_whole_module() -> None:
    whole, copied, kept = Head(), Head(), Head()
    shared = Sharded(copied, torch.device("cpu"), "fp32")
    vectors = torch.tensor([[1.0, 2.0], [3.0, -1.0]])
    for module in (whole, shared):
        optimizer = torch.optim.AdamW(module.parameters(), lr=0.1)
        nn.functional.cross_entropy(
            module(vectors=vectors)["logits"], torch.tensor([0, 1])
        ).backward()
        optimizer.step()
    shared.gather_into(kept)
    learned = whole.state_dict()
    assert learned["classes.log_scale"].shape == ()
    assert learned["classes.log_scale"] != Head().classes.log_scale
    for name, tensor in kept.state_dict().items():
        torch.testing.assert_close(tensor, learned[name])
