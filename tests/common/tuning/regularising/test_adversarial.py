from __future__ import annotations

import pytest
import torch

from common.tuning.regularising.adversarial import EmbeddingPerturbation, gradients_kept

IDS = torch.tensor([[1, 2, 3]])


@pytest.fixture
def embeddings() -> torch.nn.Embedding:
    torch.manual_seed(0)
    return torch.nn.Embedding(10, 4).requires_grad_(False)


def test_one_step_follows_the_gradient_with_the_norm_asked_for(
    embeddings: torch.nn.Embedding,
) -> None:
    perturbation = EmbeddingPerturbation(embeddings, norm=0.5)
    weight = torch.randn(4)
    with perturbation.record():
        (embeddings(IDS) @ weight).sum().backward()
    with perturbation.apply():
        moved = embeddings(IDS) - embeddings.weight[IDS]
    assert moved.norm().item() == pytest.approx(0.5, rel=1e-5)
    assert torch.all(moved @ weight > 0)
    assert torch.equal(embeddings(IDS), embeddings.weight[IDS])


def test_several_steps_stay_in_the_ball_and_end_worse_than_one(
    embeddings: torch.nn.Embedding,
) -> None:
    # A loss with a bend: the way up from the embeddings is not the way up further on.
    ridge = torch.tensor([3.0, 1.0, 0.3, 0.1])

    def loss(embedded: torch.Tensor) -> torch.Tensor:
        return (ridge * (embedded - embeddings.weight[IDS] + 0.1) ** 2).sum()

    reached = {}
    for steps in (1, 8):
        perturbation = EmbeddingPerturbation(embeddings, norm=0.5, steps=steps)
        with perturbation.record():
            loss(embeddings(IDS)).backward()
        for _ in range(steps):
            with perturbation.apply():
                embedded = embeddings(IDS)
                found = loss(embedded)
                found.backward()
            away = (embedded - embeddings.weight[IDS]).norm().item()
            assert away <= 0.5 * (1 + 1e-5)
        reached[steps] = found.item()
    assert reached[8] > 1.01 * reached[1]


def test_both_readings_of_a_batch_have_a_say(embeddings: torch.nn.Embedding) -> None:
    perturbation = EmbeddingPerturbation(embeddings, norm=1.0)
    with perturbation.record():
        first, second = embeddings(IDS), embeddings(IDS)
        (first[..., 0].sum() + second[..., 1].sum()).backward()
    with perturbation.apply():
        moved = embeddings(IDS) - embeddings.weight[IDS]
    assert torch.allclose(moved[..., 0], moved[..., 1], atol=1e-6)
    assert torch.all(moved[..., 0] > 0.1)


def test_a_step_that_looks_for_the_way_leaves_no_gradient() -> None:
    layer = torch.nn.Linear(2, 1)
    layer.weight.grad = torch.ones(1, 2)
    with gradients_kept(layer):
        layer(torch.ones(1, 2)).sum().backward()
    assert torch.equal(layer.weight.grad, torch.ones(1, 2))
    assert layer.bias.grad is None
