from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Categorical, kl_divergence

from common.errors import UserError
from common.tuning.regularising.r_drop import RDrop, between_bernoullis, between_softmaxes


class Reader(nn.Module):
    """Gives what it is told to at its second reading."""

    def __init__(self, second: dict[str, torch.Tensor], independent: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.1)
        self.second = second
        self.independent_logits = independent

    @property
    def network(self) -> Reader:
        return self

    def forward(self, **_: Any) -> dict[str, torch.Tensor]:
        return self.second


def _added(
    weight: float,
    first: dict[str, torch.Tensor],
    second: dict[str, torch.Tensor],
    independent: tuple[str, ...] = (),
    **batch: torch.Tensor,
) -> float:
    reader: Any = Reader({"loss": torch.tensor(4.0), **second}, independent)
    term = RDrop(weight, reader)
    return float(term(reader, batch, {"loss": torch.tensor(2.0), **first}))


def test_the_divergences_are_torchs_own() -> None:
    first, second = torch.randn(5, 4), torch.randn(5, 4)
    p, q = Categorical(logits=first), Categorical(logits=second)
    expected = (kl_divergence(p, q) + kl_divergence(q, p)) / 2
    assert torch.allclose(between_softmaxes(first, second), expected, atol=1e-6)
    b, c = Bernoulli(logits=first), Bernoulli(logits=second)
    expected = ((kl_divergence(b, c) + kl_divergence(c, b)) / 2).sum(-1)
    assert torch.allclose(between_bernoullis(first, second), expected, atol=1e-6)


def test_both_losses_count_half_and_the_distance_by_its_weight() -> None:
    logits = {"a_logits": torch.tensor([[1.0, 0.0]])}
    assert _added(3.0, logits, logits) == pytest.approx(1.0)
    other = {"a_logits": torch.tensor([[0.0, 1.0]])}
    apart = float(between_softmaxes(logits["a_logits"], other["a_logits"]))
    assert _added(3.0, logits, other) == pytest.approx(1.0 + 3 * apart)


def test_labels_that_do_not_exclude_each_other_are_compared_one_by_one() -> None:
    # A softmax does not see that both logits rose.
    first, second = {"logits": torch.tensor([[1.0, 0.0]])}, {"logits": torch.tensor([[3.0, 2.0]])}
    assert _added(1.0, first, second) == pytest.approx(1.0)
    assert _added(1.0, first, second, independent=("logits",)) > 1.2
    # Nor would one over the only score of a pair.
    assert _added(1.0, {"score": torch.zeros(2)}, {"score": torch.ones(2)}) > 1.1


def test_of_what_is_written_the_completion_alone_is_compared() -> None:
    first, second = torch.zeros(1, 3, 2), torch.zeros(1, 3, 2)
    second[0, 0, 0] = 9.0
    mask = torch.tensor([[0, 0, 1]])
    assert _added(1.0, {"logits": first}, {"logits": second}, completion_mask=mask) == 1.0
    second[0, 1, 0] = 9.0
    assert _added(1.0, {"logits": first}, {"logits": second}, completion_mask=mask) > 2.0


def test_vectors_are_compared_where_there_is_nothing_else() -> None:
    first, second = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    assert _added(1.0, {"embedding": first}, {"embedding": second}) == pytest.approx(2.0)
    logits = {"logits": torch.zeros(1, 2)}
    assert _added(
        1.0, {"embedding": first, **logits}, {"embedding": second, **logits}
    ) == pytest.approx(1.0)
    with pytest.raises(UserError, match="no output"):
        _added(1.0, {}, {})


def test_it_is_refused_without_dropout() -> None:
    bare: Any = SimpleNamespace(network=nn.Sequential(nn.Dropout(0.0), nn.Linear(1, 1)))
    with pytest.raises(UserError, match="no dropout"):
        RDrop(1.0, bare)
