"""Top products: exact, ties by number, whatever the tile, the kind of number and the shape."""

from __future__ import annotations

import pytest
import torch

from common.models.retrieval.top_products import GROUP, top_products


def _by_sorting(products: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    scores, items = products.sort(dim=1, descending=True, stable=True)
    return items[:, :k], scores[:, :k]


@pytest.mark.parametrize(("n", "k"), [(5, 3), (GROUP * 9 + 7, 4), (2000, 50)])
@pytest.mark.parametrize("tile", [None, GROUP, 257])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_is_what_sorting_all_products_gives(
    n: int, k: int, tile: int | None, dtype: torch.dtype
) -> None:
    draw = torch.Generator().manual_seed(0)
    # Small whole numbers: every product is exact, and many are equal.
    queries, items = (torch.randint(-3, 4, (rows, 6), generator=draw).to(dtype) for rows in (11, n))
    found, scores = top_products(queries, items, k, tile=tile)
    best, right = _by_sorting(queries.float() @ items.float().T, k)
    assert torch.equal(found, best)
    assert torch.equal(scores, right)


def test_the_best_of_a_users_interests_counts() -> None:
    draw = torch.Generator().manual_seed(1)
    queries = torch.randint(-3, 4, (4, 3, 5), generator=draw).float()
    items = torch.randint(-3, 4, (700, 5), generator=draw).float()
    found, _ = top_products(queries, items, 20, tile=GROUP * 2)
    best, _ = _by_sorting((queries.flatten(0, 1) @ items.T).view(4, 3, -1).amax(1), 20)
    assert torch.equal(found, best)


@pytest.mark.parametrize("tile", [None, GROUP])
def test_what_is_left_out_is_not_found(tile: int | None) -> None:
    draw = torch.Generator().manual_seed(2)
    queries = torch.randint(-3, 4, (5, 6), generator=draw).float()
    items = torch.randint(-3, 4, (GROUP * 4 + 3, 6), generator=draw).float()
    excluded = torch.randint(-1, len(items), (5, 40), generator=draw)
    excluded[0], excluded[1, :2] = -1, torch.tensor([0, len(items) - 1])
    found, scores = top_products(queries, items, 9, excluded=excluded, tile=tile)
    products = queries @ items.T
    for row, left_out in enumerate(excluded):
        products[row, left_out[left_out >= 0]] = -torch.inf
    best, right = _by_sorting(products, 9)
    assert torch.equal(found, best)
    assert torch.equal(scores, right)
    everything = torch.arange(len(items)).expand(5, -1)
    assert (top_products(queries, items, 3, excluded=everything, tile=tile)[0] == -1).all()


def test_minus_zero_is_zero_and_what_is_missing_is_told() -> None:
    found, scores = top_products(torch.tensor([[1.0]]), torch.tensor([[-0.0], [0.0]]), 3)
    assert found.tolist() == [[0, 1, -1]]
    assert scores.tolist() == [[0.0, 0.0, -torch.inf]]
    assert top_products(torch.ones(0, 2), torch.ones(3, 2), 2)[0].shape == (0, 2)
    assert (top_products(torch.ones(2, 2), torch.ones(0, 2), 2)[0] == -1).all()
