"""What a smaller backbone keeps of its teacher's accuracy, and of its time.

python -m benchmarks.distil --threads 1 [--data DIR] [--texts 20000] [--tune 1000] [--work DIR]

`e5-small` teaches half of its layers on texts of both languages; then both are fine-tuned alike, on
banking77 (ten texts an intent) and on some of thucnews' titles. What is done is kept in `--work`:
run it again to go on.
"""

from __future__ import annotations

import csv
import json
import random
import statistics
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from apps.finance_monitor.data import Example
from apps.finance_monitor.task import FinanceMonitorTask
from benchmarks.harness import parser, report, start
from common.evaluation.metrics import accuracy
from common.files import read_json, write_json
from common.models.encoder import load_encoder
from common.models.sources.bundled import locate
from common.records.splits import Splits
from common.records.text import normalise
from common.tuning.distillation.distil import RECORD, distil
from common.tuning.distillation.distil_cli import DEFAULTS
from common.tuning.finetune import finetune
from common.tuning.imbalance import ClassLoss
from common.tuning.pretraining.texts import Texts
from common.tuning.settings import Settings

TEACHER = "e5-small"
TUNING = {"epochs": 3, "learning_rate": 2e-4, "freeze_word_embeddings": True, "tracking": None}
HELD_OUT = 500
TESTED = 1000
BATCH, BATCHES = 32, 12
# Longer ones are few, and cost most of the time.
LONGEST = 80


def main() -> None:
    """Distil, fine-tune teacher and student alike, measure, report."""
    arguments = parser("distillation: half of the layers")
    arguments.add_argument("--texts", type=int, default=20_000, help="texts to distil on")
    arguments.add_argument("--tune", type=int, default=1000, help="titles to fine-tune on")
    arguments.add_argument("--epochs", type=int, default=DEFAULTS["epochs"])
    arguments.add_argument("--layers", type=int, default=6)
    arguments.add_argument("--trim", action="store_true", help="cut the vocabulary as well")
    arguments.add_argument("--work", type=Path, default=Path("var/distil-benchmark"))
    chosen = arguments.parse_args()
    start(chosen)
    run = f"{chosen.layers}-{chosen.texts}-{chosen.epochs}{'-trimmed' if chosen.trim else ''}"
    student = chosen.work / f"student-{run}"
    if not student.is_dir():
        chosen.work.mkdir(parents=True, exist_ok=True)
        _distil(chosen, student)
    figures: dict[str, Any] = {"texts": chosen.texts, "epochs": chosen.epochs}
    figures |= {
        f"student {key}": value for key, value in read_json(student / RECORD)["after"].items()
    }
    sets = {"banking77": _banking, "thucnews": _thucnews}
    for task, read in sets.items():
        train, held_out = read(chosen.data, chosen.tune)
        for who, backbone in (("teacher", TEACHER), ("student", str(student))):
            figures[f"{task} {who}"] = _once(
                chosen.work / f"{task}-{chosen.tune}-{who}-{'' if who == 'teacher' else run}.json",
                lambda b=backbone, t=train, h=held_out: _accuracy(b, t, h, chosen),  # type: ignore[misc]
            )
        figures[f"{task} kept"] = figures[f"{task} student"] / figures[f"{task} teacher"]
    texts = [example.text for read in sets.values() for example in read(chosen.data, 1)[1]]
    figures["ms a batch, teacher"], figures["ms a batch, student"] = _times(
        (TEACHER, str(student)), random.Random(0).sample(texts, BATCH * BATCHES)
    )
    figures["share of its time"] = figures["ms a batch, student"] / figures["ms a batch, teacher"]
    report("distil", figures)


def _distil(chosen: Any, out: Path) -> None:
    texts = _texts(chosen.data)
    random.Random(0).shuffle(texts)
    sides = Splits(texts[HELD_OUT : HELD_OUT + chosen.texts], texts[:HELD_OUT], [])
    settings = Settings(
        **{**DEFAULTS, "epochs": chosen.epochs, "tracking": None, "evaluate_every": 60},
        seed=chosen.seed,
    )
    distil(
        Texts(sides, 0, {"texts": str(chosen.texts)}),
        settings,
        teacher=locate(TEACHER),
        layers=chosen.layers,
        trims=chosen.trim,
        out=out,
        root=chosen.work,
        resume=True,
    )


def _texts(data: Path) -> list[str]:
    """The training texts of the public sets, without labels, each once."""
    clinc = json.loads((data / "clinc150" / "data_full.json").read_text(encoding="utf-8"))
    lcqmc = (data / "lcqmc" / "dev.txt").read_text(encoding="utf-8").splitlines()
    found = [
        *_column(data / "banking77" / "train.csv"),
        *(text for text, _ in clinc["train"]),
        *(data / "hwu64" / "train" / "seq.in").read_text(encoding="utf-8").splitlines(),
        *(example.text for example in _thucnews(data, 10**6)[0]),
        *(text for line in lcqmc for text in line.split("\t")[:2]),
    ]
    return [text for text in dict.fromkeys(found) if 0 < len(text) <= LONGEST]


def _column(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return [normalise(row["text"]) for row in csv.DictReader(file)]


def _banking(data: Path, _: int) -> tuple[list[Example], list[Example]]:
    folder = data / "banking77"
    few = folder / "train_10"
    texts, labels = (
        (few / name).read_text(encoding="utf-8").splitlines() for name in ("seq.in", "label")
    )
    train = [
        Example(normalise(text), topics=(label,)) for text, label in zip(texts, labels, strict=True)
    ]
    with (folder / "test.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    test = [Example(normalise(row["text"]), topics=(row["category"],)) for row in rows]
    return train, _some(test, TESTED)


def _thucnews(data: Path, count: int) -> tuple[list[Example], list[Example]]:
    folder = data / "thucnews_title"
    names = (folder / "class.txt").read_text(encoding="utf-8").split()
    found = []
    for side in ("dev", "test"):
        lines = (folder / f"{side}.txt").read_text(encoding="utf-8").splitlines()
        rows = [line.rsplit("\t", 1) for line in lines if line]
        found.append([Example(normalise(title), topics=(names[int(n)],)) for title, n in rows])
    return _some(found[0], count), _some(found[1], TESTED)


def _some(examples: list[Example], count: int) -> list[Example]:
    """Spread over all: they stand in the order of their classes."""
    step = max(1, len(examples) // count)
    return examples[::step][:count]


def _accuracy(backbone: str, train: list[Example], held_out: list[Example], chosen: Any) -> float:
    settings = Settings(**TUNING, seed=chosen.seed)
    names = sorted({topic for example in train for topic in example.topics or ()})
    task = FinanceMonitorTask(train, names, ClassLoss.of(settings))
    work = chosen.work / "tuning"
    tuned = finetune(
        task, load_encoder(locate(backbone)), Splits(train, [], []), settings, work=work
    )
    logits = tuned.predict([example.text for example in held_out])["topic_logits"]
    return accuracy(logits.argmax(-1), task.members(held_out).argmax(-1))


def _once(path: Path, measure: Callable[[], float]) -> float:
    if not path.is_file():
        write_json(path, {"accuracy": measure()})
    return float(read_json(path)["accuracy"])


@torch.inference_mode()
def _times(backbones: tuple[str, ...], texts: list[str]) -> list[float]:
    """Median milliseconds of a batch, in turns, so that what else runs here burdens all alike."""
    taken: dict[str, list[float]] = {backbone: [] for backbone in backbones}
    encoders = {backbone: load_encoder(locate(backbone)) for backbone in backbones}
    for encoder in encoders.values():
        encoder.network.eval()
    for start_at in range(0, len(texts), BATCH):
        for backbone, encoder in encoders.items():
            batch = encoder.tokenize(texts[start_at : start_at + BATCH])
            pooled = encoder.pooled()
            began = perf_counter()
            pooled(**batch)
            taken[backbone].append(1000 * (perf_counter() - began))
    # The first pass of each warms up.
    return [statistics.median(times[1:]) for times in taken.values()]


if __name__ == "__main__":
    main()
