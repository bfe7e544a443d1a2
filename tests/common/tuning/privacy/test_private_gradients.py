from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from toy import WORDS, ToyModule, ToyTask

from common.errors import UserError
from common.models.adapting.adding import add_adapter
from common.models.adapting.freezing import freeze, parse_strategy
from common.models.encoder import load_encoder
from common.models.sources.bundled import Source
from common.tuning.privacy.budget import Budget
from common.tuning.privacy.gradients import PrivateGradients, freeze_shared
from common.tuning.settings import Settings
from common.tuning.task import Batch, TaskModule

CLIPPING = 0.5


def _module(model: Path, strategy: str) -> tuple[ToyModule, Batch]:
    """The toy without dropout, so that a text is read alike each time, and its first records."""
    torch.manual_seed(3)
    encoder = load_encoder(Source("tiny", model), dropout=0.0)
    module = ToyTask().build(encoder)
    if strategy == "lora":
        adapter = Settings(strategy="lora", lora_dropout=0.0).adapter
        assert adapter is not None
        add_adapter(module.network, adapter)
        # LoRA's second matrix starts at nothing, and the first one's gradient with it.
        for name, parameter in module.named_parameters():
            if "lora_B" in name:
                nn.init.normal_(parameter)
    else:
        freeze(module.network, parse_strategy(strategy))
    freeze_shared(module)
    module.train()
    return module, ToyTask().collate(WORDS[::3], encoder.tokenize)


def _private(module: ToyModule, noise: float = 0.0, clipping: float = CLIPPING) -> PrivateGradients:
    learning = [one for one in module.parameters() if one.requires_grad]
    budget = Budget(8.0, 1e-5, len(WORDS), 8 / len(WORDS), 9, noise, clipping)
    return PrivateGradients(module, torch.optim.SGD(learning, lr=0.1), budget)


def _without(batch: Batch, row: int) -> Batch:
    return {name: torch.cat([t[:row], t[row + 1 :]]) for name, t in batch.items()}


def _sum(private: PrivateGradients, batches: list[Batch]) -> Tensor:
    """The gradients of all records together, each bounded, as one vector."""
    private.fill(batches)
    mean = [one.grad.flatten() for one in private.module.parameters() if one.requires_grad]  # type: ignore[union-attr]
    return torch.cat(mean) * 8


@pytest.mark.parametrize("strategy", ["full", "top-layers:1", "lora", "head"])
def test_each_records_gradient_is_the_one_that_it_has_alone(
    tiny_model: Path, strategy: str
) -> None:
    module, batch = _module(tiny_model, strategy)
    private = _private(module)
    private._record_by_record(batch)
    learning = {name: p for name, p in module.named_parameters() if p.requires_grad}
    assert all("embeddings.weight" not in name for name in learning)
    found = {name: p.grad_sample.clone() for name, p in learning.items()}  # type: ignore[attr-defined]
    private.close()
    for row in range(len(batch["label"])):
        loss = module(**{name: t[row : row + 1] for name, t in batch.items()})["loss"]
        alone = torch.autograd.grad(loss, list(learning.values()))
        for name, expected in zip(learning, alone, strict=True):
            assert torch.allclose(found[name][row], expected, atol=1e-5), name


@pytest.mark.parametrize("strategy", ["full", "head"])
def test_one_record_moves_the_sum_by_no_more_than_the_bound(
    tiny_model: Path, strategy: str
) -> None:
    module, batch = _module(tiny_model, strategy)
    # A record that is very wrong would move it by much more.
    module.head.weight.data *= 100
    private = _private(module)
    whole = _sum(private, [batch])
    for row in range(len(batch["label"])):
        moved = float((whole - _sum(private, [_without(batch, row)])).norm())
        assert moved <= CLIPPING * 1.001
    private._private.max_grad_norm = 1e9
    whole = _sum(private, [batch])
    moved = max(float((whole - _sum(private, [_without(batch, row)])).norm()) for row in range(8))
    assert moved > 2 * CLIPPING


def test_a_label_that_is_not_known_leaves_the_others_as_they_are(tiny_model: Path) -> None:
    """The task's loss is a mean over the records whose label is known: others would weigh more."""
    module, batch = _module(tiny_model, "full")
    private = _private(module)
    unknown = {**batch, "label": batch["label"].clone()}
    unknown["label"][0] = -1
    first = {name: tensor[:1] for name, tensor in batch.items()}
    both = _sum(private, [unknown]) + _sum(private, [first])
    assert torch.allclose(both, _sum(private, [batch]), atol=1e-4)


def test_a_step_in_parts_is_the_step_in_one(tiny_model: Path) -> None:
    module, batch = _module(tiny_model, "full")
    private = _private(module)
    parts = [{n: t[:3] for n, t in batch.items()}, {n: t[3:] for n, t in batch.items()}]
    assert torch.allclose(_sum(private, parts), _sum(private, [batch]), atol=1e-5)
    assert private.statement.steps == 2


def test_a_step_without_records_is_noise_and_counts(tiny_model: Path) -> None:
    module, _ = _module(tiny_model, "full")
    private = _private(module, noise=2.0)
    found = _sum(private, [])
    assert float(found.std()) == pytest.approx(2.0 * CLIPPING, rel=0.05)
    assert private.statement.steps == 1


def test_the_noise_is_another_one_each_time(tiny_model: Path) -> None:
    """The seed of a run is in its release: noise drawn from it could be taken off again."""
    found = []
    for _ in range(2):
        module, _ = _module(tiny_model, "head")
        private = _private(module, noise=1.0)
        torch.manual_seed(0)
        found.append(_sum(private, []))
    assert not torch.equal(*found)


def test_what_does_not_tell_records_apart_is_refused(tiny_model: Path) -> None:
    class Mixing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

    module, _ = _module(tiny_model, "full")
    network: Any = module.network
    network.mixing = Mixing()
    with pytest.raises(UserError, match="a Mixing"):
        freeze_shared(module)
    network.mixing = nn.BatchNorm1d(2)
    with pytest.raises(UserError, match="a BatchNorm1d"):
        freeze_shared(module)
    with pytest.raises(UserError, match="by itself"):
        freeze_shared(TaskModule())
    module.is_record_by_record = False
    with pytest.raises(UserError, match="by itself"):
        freeze_shared(module)
