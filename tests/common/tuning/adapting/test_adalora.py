"""AdaLoRA really allocates: ranks fall to what was asked, and its vectors become orthonormal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from common.models.adapting.adapter import Adapter
from common.models.adapting.adding import add_adapter
from common.models.adapting.ranks import RankAllocation, orthogonality
from common.models.encoder import load_encoder
from common.models.sources.bundled import Source

RANKS = Adapter("adalora", rank=2, initial_rank=6)
MATRICES = 12


def _network(tiny_model: Path) -> Any:
    torch.manual_seed(0)
    network = load_encoder(Source("tiny", tiny_model)).network
    add_adapter(network, RANKS)
    return network


def _step(network: Any, optimizer: torch.optim.Optimizer) -> None:
    found = network(input_ids=torch.tensor([[5, 9, 13], [7, 6, 22]])).last_hidden_state
    found[:, :, 0].mean().backward()
    optimizer.step()


def _optimizer(network: Any) -> torch.optim.Optimizer:
    learning = [p for p in network.parameters() if p.requires_grad]
    return torch.optim.AdamW(learning, lr=1e-2)


def test_ranks_fall_to_the_target_and_stay_there(tiny_model: Path) -> None:
    network = _network(tiny_model)
    ranks, optimizer = RankAllocation(network, RANKS), _optimizer(network)
    ranks.schedule(40)
    used = []
    for step in range(1, 41):
        _step(network, optimizer)
        ranks.update(step)
        optimizer.zero_grad()
        used.append(ranks.used())
    assert ranks.target == 2 * MATRICES
    assert used[3] == 6 * MATRICES
    assert used[3] > used[10] > used[20] > used[27] == used[-1] == ranks.target


def test_the_term_makes_vectors_orthonormal(tiny_model: Path) -> None:
    network = _network(tiny_model)
    optimizer = _optimizer(network)
    far = []
    for _ in range(60):
        optimizer.zero_grad()
        term = orthogonality(network)
        term.backward()
        optimizer.step()
        far.append(term.item())
    # At first the vectors are next to nothing: ‖I‖ of 6 ranks.
    assert far[0] == pytest.approx(6**0.5, rel=0.05)
    assert far[-1] < 0.5 * far[0]


def test_a_gradient_that_overflows_says_nothing(tiny_model: Path) -> None:
    network = _network(tiny_model)
    ranks, optimizer = RankAllocation(network, RANKS), _optimizer(network)
    ranks.schedule(20)
    for step in range(1, 21):
        _step(network, optimizer)
        if step == 5:
            for parameter in network.parameters():
                if parameter.grad is not None:
                    parameter.grad.fill_(float("inf"))
        ranks.update(step)
        optimizer.zero_grad()
    assert ranks.used() == ranks.target
