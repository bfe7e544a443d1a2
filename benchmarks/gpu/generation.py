"""Tokens a second that a causal model writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.gpu.bench import Bench
from benchmarks.gpu.models import CAUSAL
from benchmarks.gpu.row import Row, fastest
from benchmarks.gpu.texts import labelled_texts


def measure(bench: Bench) -> Iterator[Row]:
    """As it is loaded, then with weights in half precision, for one prompt and for many."""
    from common.models.generator import load_generator

    generator = load_generator(bench.source(CAUSAL))
    network: Any = generator.network
    network.to(bench.device).eval()
    texts = [text for text, _ in labelled_texts(bench.scale.prompts, ("en",))]
    talks: list[Any] = [[{"role": "user", "content": text}] for text in texts]
    for dtype in dict.fromkeys([network.dtype, bench.dtype]):
        network.to(dtype)
        for some in (talks[:1], talks):
            if bench.left <= 0:
                yield Row(f"{len(some)} prompts", "left out", note="no time left")
                continue
            yield _rate(bench, generator, some)


def _rate(bench: Bench, generator: Any, talks: list[Any]) -> Row:
    """Ours with its templates and texts, beside `generate` over tokens at hand."""
    import torch

    count = bench.scale.new_tokens
    exactly = {"max_new_tokens": count, "min_new_tokens": count}
    padding = generator.tokenizer.pad_token_id
    prompts = [
        generator.tokenizer.apply_chat_template(
            talk, add_generation_prompt=True, tokenize=True, return_dict=False
        )
        for talk in talks
    ]
    batch = generator.tokenizer.pad(
        {"input_ids": prompts}, padding_side="left", return_tensors="pt"
    ).to(bench.device)

    def plain() -> None:
        with torch.inference_mode():
            generator.network.generate(**batch, **exactly, do_sample=False, pad_token_id=padding)

    seconds = fastest(
        {"ours": lambda: generator.generate(talks, **exactly), "plain": plain},
        bench.wait,
        bench.scale.turns,
    )
    written = count * len(talks)
    kind = str(generator.network.dtype).removeprefix("torch.")
    return Row(
        f"{CAUSAL}, {kind}, {len(talks)} prompts",
        written / seconds["ours"],
        "tokens/s",
        "plain generate",
        written / seconds["plain"],
    )
