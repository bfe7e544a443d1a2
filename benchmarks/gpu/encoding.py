"""Texts a second: our path beside sentence-transformers, and beside the bare model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.gpu.bench import Bench
from benchmarks.gpu.row import Row, fastest
from benchmarks.gpu.texts import labelled_texts

LANGUAGES = {"minilm": ("en",), "e5-small": ("en", "zh")}
# What torch chooses among for scaled dot-product attention.
ATTENTION = "aten::_scaled_dot_product_"


def measure(bench: Bench) -> Iterator[Row]:
    """Each model as it is, then compiled."""
    prepared = {name: _prepare(bench, name) for name in LANGUAGES}
    for name, (module, encoder, texts, batches) in prepared.items():
        yield from _rates(bench, name, module, encoder, texts, batches)
    for name, (module, _, texts, batches) in prepared.items():
        if bench.left <= 0:
            yield Row(f"{name}, torch.compile", "left out", note="no time left")
            continue
        yield _compiled(bench, name, module, len(texts), batches)


def _prepare(bench: Bench, name: str) -> tuple[Any, Any, list[str], list[dict[str, Any]]]:
    from common.models.encoder import load_encoder
    from common.models.heads import Embedder
    from common.models.prediction import batches_by_tokens, tokens_per_batch

    encoder = load_encoder(bench.source(name))
    module = Embedder(encoder.pooled()).to(bench.device).eval()
    texts = [text for text, _ in labelled_texts(bench.scale.texts, LANGUAGES[name])]
    places = batches_by_tokens(encoder.token_counts(texts), tokens_per_batch(bench.device))
    batches = [
        {
            key: tensor.to(bench.device)
            for key, tensor in encoder.tokenize([texts[i] for i in batch]).items()
        }
        for batch in places
    ]
    return module, encoder, texts, batches


def _rates(
    bench: Bench, name: str, module: Any, encoder: Any, texts: list[str], batches: list[Any]
) -> Iterator[Row]:
    from sentence_transformers import SentenceTransformer

    from common.models.prediction import predict

    size = max(1, len(texts) // len(batches))
    peer = SentenceTransformer(
        str(encoder.source.directory),
        device=str(bench.device),
        model_kwargs={"dtype": bench.dtype},
    )
    seconds = fastest(
        {
            "ours": lambda: predict(module, encoder, texts, precision=bench.precision),
            "plain": lambda: peer.encode(
                texts,
                batch_size=size,
                prompt=encoder.source.query_prefix or None,
                show_progress_bar=False,
            ),
            "bare": lambda: _forward(bench, module, batches),
        },
        bench.wait,
        bench.scale.turns,
    )
    rate = {key: len(texts) / value for key, value in seconds.items()}
    tokens = sum(int(batch["attention_mask"].sum()) for batch in batches) / len(texts)
    what = f"{name}, {bench.precision}"
    note = f"{tokens:.0f} tokens a text, {size} texts a batch"
    yield Row(what, rate["ours"], "texts/s", "sentence-transformers", rate["plain"], note)
    yield Row(what, rate["ours"], "texts/s", "bare model", rate["bare"], "tokens at hand")
    yield Row(f"{name}, attention", _attention(bench, module, batches[0]))


def _forward(bench: Bench, module: Any, batches: list[Any]) -> None:
    import torch

    from common.models.prediction import autocast

    with torch.inference_mode(), autocast(bench.device, bench.precision):
        for batch in batches:
            module(**batch)


def _attention(bench: Bench, module: Any, batch: Any) -> str:
    """What torch picked for a padded batch."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU]) as seen:
        _forward(bench, module, [batch])
    found = {one.key.removeprefix(ATTENTION) for one in seen.key_averages() if ATTENTION in one.key}
    return ", ".join(sorted(found)) or "not scaled_dot_product_attention"


def _compiled(bench: Bench, name: str, module: Any, texts: int, batches: list[Any]) -> Row:
    import torch

    compiled = torch.compile(module, dynamic=True, backend=bench.scale.compiler)
    seconds = fastest(
        {
            "compiled": lambda: _forward(bench, compiled, batches),
            "bare": lambda: _forward(bench, module, batches),
        },
        bench.wait,
        bench.scale.turns,
    )
    return Row(
        f"{name}, torch.compile, {bench.scale.compiler}",
        texts / seconds["compiled"],
        "texts/s",
        "bare model",
        texts / seconds["bare"],
    )
