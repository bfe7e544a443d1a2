"""Exact search among many items: ours, which writes no matrix, beside those that do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.gpu.bench import Bench
from benchmarks.gpu.row import Row, claim, fastest

WIDTH = 384
BEST = 100
DRAWN = 2**20


def measure(bench: Bench) -> Iterator[Row]:
    """The same queries by each way, then whether they find the same."""
    import torch

    from common.models.retrieval.top_products import top_products

    scale, device = bench.scale, bench.device
    dtype = torch.float16 if device.type == "cuda" else torch.float32
    torch.manual_seed(0)
    items = torch.empty(scale.items, WIDTH, device=device, dtype=dtype)
    for part in items.split(DRAWN):
        drawn = torch.randn(part.shape, device=device)
        part.copy_(torch.nn.functional.normalize(drawn, dim=1))
    queries = items[:: scale.items // scale.queries][: scale.queries].clone()
    what = f"{scale.queries:,} queries, {scale.items:,} × {WIDTH}, {str(dtype)[6:]}, top {BEST}"

    def ours() -> Any:
        return top_products(queries, items, BEST)

    seconds = fastest({"ours": ours}, bench.wait, scale.turns)["ours"]
    rate = len(queries) / seconds
    if device.type == "cuda":
        flops = 2 * len(queries) * items.numel() / seconds / 1e12
        yield Row(what, flops, "TFLOP/s", note="products alone, beside the matrix product")
    for peer, run in _peers(queries, items).items():
        if bench.left <= 0:
            yield Row(what, rate, "queries/s", note=f"no time left for {peer}")
            continue
        try:
            took = fastest({peer: run}, bench.wait, scale.turns)[peer]
        except torch.cuda.OutOfMemoryError:
            yield Row(what, rate, "queries/s", note=f"{peer}: not enough memory")
            continue
        yield Row(what, rate, "queries/s", peer, len(queries) / took)
    few = slice(0, min(64, len(queries)))
    right = _by_sorting(queries[few], items)
    found = ours()[1][few]
    nearly = torch.allclose(found, right, rtol=1e-3 if dtype == torch.float16 else 1e-5)
    yield claim("the scores are those of the whole matrix in float32", holds=nearly)


def _peers(queries: Any, items: Any) -> dict[str, Callable[[], Any]]:
    import torch

    peers: dict[str, Callable[[], Any]] = {
        "matmul and torch.topk": lambda: torch.topk(queries @ items.T, BEST)
    }
    try:
        import faiss
    except ImportError:
        return peers
    # It reads float32 alone; its GPU half is another package.
    if not items.is_cuda:
        rows, columns = queries.float().numpy(), items.float().numpy()
        peers["faiss.knn"] = lambda: faiss.knn(
            rows, columns, BEST, metric=faiss.METRIC_INNER_PRODUCT
        )
    return peers


def _by_sorting(queries: Any, items: Any) -> Any:
    """Best scores [queries, BEST], with float32 products in parts of the items."""
    import torch

    best = torch.empty((len(queries), 0), device=items.device)
    for part in items.split(DRAWN):
        products = queries.float() @ part.float().T
        best = torch.cat([best, products.topk(min(BEST, len(part))).values], 1)
    return best.topk(BEST).values
