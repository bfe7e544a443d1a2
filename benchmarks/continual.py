"""banking77's intents in five steps: how much a model keeps that is trained further each time.

python -m benchmarks.continual [ROW …] [--full] [--validation] [--data DIR]

The intents, in an order drawn by the seed, come in five steps of 15 or 16. Each row trains on the
texts of one step after the other, and is measured after each on all intents that it has seen.
`joint` learns everything at once, and `sequential` does nothing against forgetting: ceiling and
floor. A row that is measured already is not measured again, but for `--again`.

Forgetting is the mean over the first four steps' intents of the best accuracy that they ever had,
less their accuracy in the end (Chaudhry et al. 2018, arXiv 1801.10112).
"""

from __future__ import annotations

import csv
import json
import random
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from torch import nn

from apps.customer_service.data import Example
from apps.customer_service.task import AnswerModel, CustomerServiceTask
from benchmarks.harness import RESULTS, machine, parser, start
from common.learning.replay import herd_each
from common.models.adapting.frozen_pooling import FrozenPooling
from common.models.encoder import Encoder, load_encoder
from common.models.heads import Embedder
from common.models.prediction import predict
from common.models.sources.bundled import locate
from common.records.splits import Splits
from common.records.text import normalise
from common.tuning.continual.carrying import Classes, carry_over
from common.tuning.continual.discriminant import ClassMeans, KernelDiscriminant
from common.tuning.continual.terms import continual_terms
from common.tuning.finetune import finetune
from common.tuning.imbalance import ClassLoss
from common.tuning.settings import Settings
from common.tuning.task import Predict

STEPS = 5
# Of each intent where not all are asked for: each row takes minutes. A quarter of them is kept, so
# that replay is no joint training.
SOME = 40
SOME_KEPT = 10
HELD_OUT = 0.15
TUNING: dict[str, Any] = {
    "learning_rate": 2e-4,
    "patience": 0,
    "freeze_word_embeddings": False,
    "tracking": "none",
}
ROWS = (
    *("joint", "sequential", "replay", "replay+distillation", "replay+distillation+ewc", "ewc"),
    *("nearest-mean", "klda"),
)
Texts = dict[str, list[str]]


@dataclass
class Learner:
    """A model that has seen some steps."""

    encoder: Encoder
    settings: Settings
    mechanisms: tuple[str, ...]
    module: AnswerModel | None = None
    predict: Predict | None = None
    seen: list[str] = field(default_factory=list)
    exemplars: list[Example] = field(default_factory=list)

    def learn(self, texts: Texts) -> None:
        """Train further on new intents."""
        new = [Example(text, None, name) for name, some in texts.items() for text in some]
        train = [*new, *(self.exemplars if "replay" in self.mechanisms else ())]
        before, self.seen = self.seen, [*self.seen, *texts]
        task = CustomerServiceTask(train, self.seen, ClassLoss.of(self.settings))
        module, terms = task.build(self.encoder), []
        if self.module is not None:
            classes = Classes(before, self.seen)
            carry_over(module, self.module, {"intents.directions": classes})
            read = [example.text for example in self.exemplars]
            columns = {"intent_logits": classes.columns}
            terms = continual_terms(self.settings, module, self.module, self.encoder, read, columns)
        with tempfile.TemporaryDirectory() as work:
            tuned = finetune(
                task,
                self.encoder,
                Splits(train, [], []),
                self.settings,
                work=Path(work),
                module=module,
                terms=terms,
            )
        assert isinstance(tuned.module, AnswerModel)
        self.module, self.predict = tuned.module, tuned.predict
        self.exemplars += _exemplars(self.encoder, new, self.settings.exemplars)

    def named(self, texts: Sequence[str]) -> list[str]:
        """The intent of each text."""
        assert self.predict is not None
        logits = self.predict(texts)["intent_logits"]
        return [self.seen[number] for number in logits.argmax(-1).tolist()]


@dataclass
class Frozen:
    """The pretrained encoder, which reads each text once, and statistics that each step adds to."""

    encoder: Encoder
    statistics: ClassMeans | KernelDiscriminant
    reader: Embedder
    seen: list[str] = field(default_factory=list)
    head: nn.Module | None = None

    def learn(self, texts: Texts) -> None:
        """Take in new intents."""
        read = [text for some in texts.values() for text in some]
        names = [name for name, some in texts.items() for _ in some]
        self.statistics.update(self._vectors(read), names)
        self.seen += texts
        self.head = self.statistics.classifier(self.seen)

    def named(self, texts: Sequence[str]) -> list[str]:
        """The intent of each text."""
        assert self.head is not None
        logits = self.head(self._vectors(texts))
        return [self.seen[number] for number in logits.argmax(-1).tolist()]

    def _vectors(self, texts: Sequence[str]) -> Any:
        return predict(self.reader, self.encoder, texts)["embedding"]


def main() -> None:
    """Measure the rows that are wanted and not measured yet."""
    arguments = parser("banking77 in five steps: accuracy and forgetting")
    arguments.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}")
    arguments.add_argument("--full", action="store_true", help="all training texts")
    arguments.add_argument(
        "--validation", action="store_true", help="measure on a part of train, to choose settings"
    )
    arguments.add_argument("--again", action="store_true", help="measure rows once more")
    arguments.add_argument("--epochs", type=int, default=None, help="default: 3; 5 with --full")
    arguments.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    chosen = arguments.parse_args()
    start(chosen)
    if unknown := set(chosen.rows) - {*ROWS}:
        raise SystemExit(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    kept = RESULTS / f"continual{'_full' if chosen.full else ''}.json"
    rows: dict[str, Any] = {}
    if kept.exists() and not chosen.validation:
        rows = json.loads(kept.read_text(encoding="utf-8"))
    settings = dict(pair.split("=", 1) for pair in chosen.set)
    settings["epochs"] = chosen.epochs or (5 if chosen.full else 3)
    if not chosen.full:
        settings.setdefault("exemplars", SOME_KEPT)
    train, test = _data(chosen.data / "banking77", chosen)
    for row in chosen.rows or ROWS:
        if row in rows and not chosen.again:
            continue
        rows[row] = _measure(row, _steps(train, chosen.seed), test, settings, chosen.seed)
        print(row, json.dumps(rows[row]), flush=True)
        if not chosen.validation:
            RESULTS.mkdir(exist_ok=True)
            kept.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    _show(rows)


def _measure(
    row: str, steps: Sequence[Texts], test: Texts, settings: dict[str, Any], seed: int
) -> dict[str, Any]:
    started = monotonic()
    if row == "joint":
        steps = [{name: texts for step in steps for name, texts in step.items()}]
    learner = _learner(row, settings, seed)
    of_step: list[list[float]] = []
    over_all: list[float] = []
    for number, step in enumerate(steps):
        learner.learn(step)
        right = [_right(learner, test, names) for names in steps[: number + 1]]
        of_step.append([float(np.mean(one)) for one in right])
        over_all.append(float(np.mean(np.concatenate(right))))
        print(f"{row}, step {number + 1}: {over_all[-1]:.4f}", flush=True)
    last, earlier = of_step[-1], of_step[:-1]
    lost = [
        max(known[step] for known in earlier if len(known) > step) - last[step]
        for step in range(len(earlier))
    ]
    return {
        "accuracy after each step": [round(one, 4) for one in over_all],
        "accuracy": round(over_all[-1], 4),
        "forgetting": round(float(np.mean(lost)), 4) if lost else None,
        "training texts": sum(len(texts) for step in steps for texts in step.values()),
        "minutes": round((monotonic() - started) / 60, 1),
        "settings": settings if isinstance(learner, Learner) else {},
        "machine": machine(),
    }


def _learner(row: str, given: dict[str, Any], seed: int) -> Learner | Frozen:
    encoder = load_encoder(locate("minilm"))
    reader = Embedder(FrozenPooling(encoder.pooled()))
    if row == "nearest-mean":
        return Frozen(encoder, ClassMeans(encoder.dimension), reader)
    if row == "klda":
        features = Settings().klda_features
        statistics = KernelDiscriminant(encoder.dimension, features, seed=seed)
        return Frozen(encoder, statistics, reader)
    names = () if row in {"joint", "sequential"} else tuple(row.split("+"))
    named = {"continual": ",".join(names or ("replay",))}
    settings = Settings(**{**TUNING, **named, **given, "seed": seed})
    return Learner(encoder, settings, names)


def _right(learner: Learner | Frozen, test: Texts, names: Texts) -> list[bool]:
    labelled = [(text, name) for name in names for text in test[name]]
    found = learner.named([text for text, _ in labelled])
    return [one == name for one, (_, name) in zip(found, labelled, strict=True)]


def _exemplars(encoder: Encoder, examples: Sequence[Example], each: int) -> list[Example]:
    reader = Embedder(encoder.pooled())
    found = predict(reader, encoder, [one.text for one in examples])["embedding"].numpy()
    chosen = herd_each(np.asarray(found, np.float32), [(one.intent,) for one in examples], each)
    return [examples[row] for row in chosen]


def _steps(train: Texts, seed: int) -> list[Texts]:
    names = sorted(train)
    random.Random(seed).shuffle(names)
    return [{name: train[name] for name in part.tolist()} for part in np.array_split(names, STEPS)]


def _data(folder: Path, chosen: Any) -> tuple[Texts, Texts]:
    """Texts to learn, and to be measured on, by intent."""
    train, test = _read(folder / "train.csv"), {}
    draw = random.Random(chosen.seed)
    for name in sorted(train):
        draw.shuffle(train[name])
        held = int(HELD_OUT * len(train[name])) if chosen.validation else 0
        test[name] = train[name][:held]
        train[name] = train[name][held : None if chosen.full else held + SOME]
    return train, test if chosen.validation else _read(folder / "test.csv")


def _read(path: Path) -> Texts:
    found: Texts = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["category"]].append(normalise(row["text"]))
    return found


def _show(rows: dict[str, Any]) -> None:
    print(f"\n{'row':<26}{'accuracy':>10}{'forgetting':>12}{'minutes':>9}   after each step")
    for row in (name for name in ROWS if name in rows):
        one = rows[row]
        lost = "–" if one["forgetting"] is None else f"{one['forgetting']:.1%}"
        steps = " ".join(f"{share:.1%}" for share in one["accuracy after each step"])
        print(f"{row:<26}{one['accuracy']:>10.1%}{lost:>12}{one['minutes']:>9}   {steps}")


if __name__ == "__main__":
    main()
