"""Whether a card says what the CPU says, and a run the same twice, and after it was killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional
from transformers import TrainerCallback

from benchmarks.gpu.apart import context
from benchmarks.gpu.bench import Bench
from benchmarks.gpu.row import Row, claim
from benchmarks.gpu.task import TextClassification
from benchmarks.gpu.texts import labelled_texts
from common.models.encoder import load_encoder
from common.models.heads import Embedder
from common.models.prediction import predict
from common.models.retrieval.top_products import top_products
from common.records.splits import Splits
from common.tuning.finetune import Tuned, finetune
from common.tuning.settings import Settings

# A cosine by precision; half precision keeps eight bits and more.
LEAST_COSINE = {"fp32": 0.9999, "bf16": 0.99, "fp16": 0.999}
# Labels and places change only where two are next to equal.
LEAST_SAME = 0.98
STEPS_AN_EPOCH, EPOCHS = 6, 2
WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"


class Die(TrainerCallback):
    """Ends as by `kill -9`, right after the first checkpoint."""

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Without a word."""
        os.kill(os.getpid(), signal.SIGKILL)


class Count(TrainerCallback):
    """Steps that a run does itself."""

    steps = 0

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """One more."""
        self.steps += 1


def measure(bench: Bench) -> Iterator[Row]:
    """The run that is killed first, then vectors, weights, labels and places."""
    killed = bench.work / "killed"
    os.environ[WORKSPACE] = ":4096:8"
    # Before the card is touched, so that it can be a copy of this process.
    processes: Any = context()
    process = processes.Process(target=_train_apart, args=(bench, killed), name="killed")
    process.start()
    process.join(max(1.0, bench.left))
    was_killed = process.exitcode == -signal.SIGKILL
    if not was_killed:
        process.kill()
    yield Row("a run, killed after its first checkpoint", was_killed, failed=not was_killed)
    for name in ("minilm", "e5-small"):
        yield from _vectors(bench, name)
    first, second = (_weights(_train(bench, bench.work / name)) for name in "ab")
    same = _same(first, second)
    yield Row("trained twice as usual, the same weights", same, note="no claim")
    torch.use_deterministic_algorithms(True)
    trained = _train(bench, bench.work / "c")
    whole, again = _weights(trained), _weights(_train(bench, bench.work / "d"))
    note = f"{WORKSPACE}=:4096:8 and torch.use_deterministic_algorithms"
    yield claim("trained twice, the same weights", holds=_same(whole, again), note=note)
    count = Count()
    resumed = _weights(_train(bench, killed, resume=True, watchers=[count]))
    yield claim(
        "killed and resumed, the same weights",
        holds=_same(whole, resumed) and count.steps == STEPS_AN_EPOCH,
        note=f"{count.steps} of {EPOCHS * STEPS_AN_EPOCH} steps after it",
    )
    yield from _labels(bench, trained)
    yield _places(bench)


def _train_apart(bench: Bench, work: Path) -> None:
    torch.use_deterministic_algorithms(True)
    _train(bench, work, watchers=[Die()])


def _train(bench: Bench, work: Path, *, resume: bool = False, watchers: Any = ()) -> Tuned[Any]:
    batch = bench.scale.training_batch
    records = labelled_texts(batch * STEPS_AN_EPOCH, ("en",))
    settings = Settings(
        epochs=EPOCHS, batch_size=batch, tracking="none", precision=bench.precision, strategy="full"
    )
    return finetune(
        TextClassification(records),
        load_encoder(bench.source("minilm")),
        Splits(records, [], []),
        settings,
        work=work,
        resume=resume,
        watchers=watchers,
    )


def _weights(tuned: Tuned[Any]) -> dict[str, torch.Tensor]:
    return {name: one.detach().cpu().clone() for name, one in tuned.module.state_dict().items()}


def _same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, second[name]) for name, value in first.items())


def _vectors(bench: Bench, name: str) -> Iterator[Row]:
    """In float32, and in what `auto` takes."""
    encoder = load_encoder(bench.source(name))
    module = Embedder(encoder.pooled())
    texts = [text for text, _ in labelled_texts(bench.scale.compared)]
    right = predict(module, encoder, texts)["embedding"]
    module.to(bench.device)
    for precision in dict.fromkeys(["fp32", bench.precision]):
        found = predict(module, encoder, texts, precision=precision)["embedding"]
        least = float(functional.cosine_similarity(found, right).min())
        yield claim(
            f"{name}, {precision}: vectors as on the CPU in fp32",
            holds=least >= LEAST_COSINE[precision],
            note=f"least cosine {least:.6f} of {len(texts)} texts",
        )


def _labels(bench: Bench, tuned: Tuned[Any]) -> Iterator[Row]:
    """In float32, and in what `auto` takes, of which nothing is claimed: labels may be close."""
    texts = [text for text, _ in labelled_texts(bench.scale.compared, ("en",), seed=1)]
    found = {
        precision: predict(tuned.module, tuned.pretrained, texts, precision=precision)
        for precision in dict.fromkeys(["fp32", bench.precision])
    }
    right = predict(tuned.module.cpu(), tuned.pretrained, texts)["logits"].argmax(-1)
    for precision, outputs in found.items():
        same = float((outputs["logits"].argmax(-1) == right).float().mean())
        note = f"{same:.1%} of {len(texts)} texts"
        what = f"labels as on the CPU in fp32, {precision}"
        if precision == "fp32":
            yield claim(what, holds=same >= LEAST_SAME, note=note)
        else:
            yield Row(what, same == 1, note=f"{note}; no claim")


def _places(bench: Bench) -> Row:
    draw = torch.Generator().manual_seed(0)
    items = functional.normalize(torch.randn(20_000, 384, generator=draw), dim=1)
    queries = items[:: 20_000 // 64][:64].clone()
    right, _ = top_products(queries, items, 10)
    found, _ = top_products(queries.to(bench.device), items.to(bench.device), 10)
    same = float((found.cpu() == right).float().mean())
    return claim(
        "top 10 as on the CPU, fp32", holds=same >= LEAST_SAME, note=f"{same:.1%} of the places"
    )
