"""The items with the largest dot products, without writing the products of all of them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# Neighbouring items that are looked at only if the best of them is good enough.
GROUP = 64
# Queries that go through the items together, and products that are held at once.
QUERIES = {"cuda": 1024, "cpu": 256}
PRODUCTS = {"cuda": 2**28, "cpu": 2**25}
LOW = 0xFFFFFFFF


@torch.inference_mode()
def top_products(
    queries: Tensor,
    items: Tensor,
    k: int,
    *,
    excluded: Tensor | None = None,
    tile: int | None = None,
) -> tuple[Tensor, Tensor]:
    """The `k` items with the largest dot products of each query, best first.

    Exact: where two products are equal, the lower item comes first, on any device. A tile of items
    is multiplied at a time; the k best of a tile lie in the k groups of `GROUP` items whose maxima
    are best, so that what is chosen from is small, and each product is read once.

    Args:
        queries: [queries, width], or [queries, interests, width], where the best of a query's
            interests counts. Without NaN.
        items: [items, width], of the same kind and on the same device. Products of half precision
            are summed in float32.
        excluded: [queries, places], items that are not to be found for a query; -1: none.
        tile: items that are multiplied at once; None: what suits the device.

    Returns:
        [queries, k] item numbers, int64, -1 where there are no more; their products, float32, -inf
        there.
    """
    if queries.dim() == 2:
        queries = queries[:, None]
    where = "cuda" if items.is_cuda else "cpu"
    several = queries.shape[1]
    step = max(1, QUERIES[where] // several)
    tile = tile or max(1, PRODUCTS[where] // (step * several * GROUP)) * GROUP
    starts = range(0, max(1, len(queries)), step)
    left_out = queries.new_empty((len(queries), 0), dtype=torch.long)
    left_out = left_out if excluded is None else excluded
    found = [
        _search(queries[start : start + step], items, k, left_out[start : start + step], tile)
        for start in starts
    ]
    return _unpack(torch.cat(found), k)


def _search(queries: Tensor, items: Tensor, k: int, left_out: Tensor, tile: int) -> Tensor:
    """Keys of the best of [queries, interests, width], best first: [queries, ≤ k]."""
    best = torch.empty((len(queries), 0), dtype=torch.int64, device=items.device)
    for first in range(0, len(items), tile):
        products = _products(queries, items[first : first + tile])
        if left_out.numel():
            here = (left_out >= first) & (left_out < first + products.shape[1])
            rows, places = here.nonzero(as_tuple=True)
            products[rows, left_out[rows, places] - first] = -torch.inf
        best = _largest(torch.cat([best, _candidates(products, first, k)], 1), k)
    return best.sort(1, descending=True).values


def _products(queries: Tensor, items: Tensor) -> Tensor:
    """[queries, interests, width] and [n, width] → [queries, n] in float32."""
    flat = queries.flatten(0, 1)
    if flat.dtype == torch.float32:
        products = flat @ items.T
    elif flat.is_cuda:
        products = torch.mm(flat, items.T, out_dtype=torch.float32)
    else:
        products = flat.float() @ items.float().T
    if queries.shape[1] == 1:
        return products
    return products.view(*queries.shape[:2], -1).amax(1)


def _candidates(products: Tensor, first: int, k: int) -> Tensor:
    """Keys of items that hold the `k` best of each row; the first column is item `first`."""
    rows, n = products.shape
    places = torch.arange(first, first + n, device=products.device)
    groups = n // GROUP
    if groups <= k:
        return _pack(products, places)
    whole = products[:, : groups * GROUP].view(rows, groups, GROUP)
    # Equal maxima in the order of their groups: then equal products are in the order of items.
    numbers = torch.arange(groups, device=products.device)
    chosen = LOW - (_largest(_pack(whole.amax(2), numbers), k) & LOW)
    within = whole.gather(1, chosen[:, :, None].expand(-1, -1, GROUP)).flatten(1)
    inside = (chosen[:, :, None] * GROUP + torch.arange(GROUP, device=products.device)).flatten(1)
    rest = slice(groups * GROUP, None)
    return torch.cat([_pack(within, inside + first), _pack(products[:, rest], places[rest])], 1)


def _pack(scores: Tensor, places: Tensor) -> Tensor:
    """One integer for a score and its place: larger is a better score, or the lower place."""
    # Minus zero is zero.
    bits = (scores + 0.0).contiguous().view(torch.int32)
    ordered = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    return (ordered.long() << 32) | (LOW - places)


def _largest(keys: Tensor, k: int) -> Tensor:
    return keys if keys.shape[1] <= k else keys.topk(k, sorted=False).values


def _unpack(keys: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Items and products of `keys` [queries, ≤ k], filled up to k with -1 and -inf."""
    ordered = (keys >> 32).int()
    scores = (ordered ^ ((ordered >> 31) & 0x7FFFFFFF)).view(torch.float32)
    items = torch.where(scores.isneginf(), -1, LOW - (keys & LOW))
    missing = (0, k - keys.shape[1])
    return functional.pad(items, missing, value=-1), functional.pad(
        scores, missing, value=-torch.inf
    )
