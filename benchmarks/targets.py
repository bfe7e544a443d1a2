"""Towards whom a text is good or bad: the accuracy over companies, each asked about by itself.

python -m benchmarks.targets --case sample      the sample texts, English and Chinese
python -m benchmarks.targets --case finentity   FinEntity (Tang et al. 2023, arXiv 2310.12406)
python -m benchmarks.targets --case finnsp      FinNSP, Chinese (Lu et al. 2023, arXiv 2302.09432)

As in `train`, a part of what there is to learn is held out to weigh the words of direction. Beside
the model stand, on the same texts, what is most usual, who calls everything negative, and a linear
model. With `--choose` a part of what is learned is held out instead, and nothing is kept.
With `--part N` every Nth example is learned. With `--work DIR` a run that was interrupted goes on.
FinNSP's texts are long: `--set batch_size=8 --set accumulation=4` keeps the memory small.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from apps.finance_monitor.cli import SAMPLES
from apps.finance_monitor.data import Example, Sources, examples, read_dataset
from apps.finance_monitor.evaluate import Outcome, run, summarise
from apps.finance_monitor.schema import TrainingRecord
from apps.finance_monitor.stories.calibrating import calibrate
from apps.finance_monitor.stories.classifying import Classifier
from apps.finance_monitor.stories.companies import read_entities
from apps.finance_monitor.stories.network import FullPrecision
from apps.finance_monitor.stories.news_model import NewsModel
from apps.finance_monitor.task import FinanceMonitorTask
from benchmarks.finnsp import alike_learned, read_finnsp
from benchmarks.harness import RESULTS, parser, report, start
from common.evaluation.linear import predict_linear
from common.evaluation.metrics import f1
from common.models.encoder import load_encoder
from common.models.sources.bundled import locate
from common.records.splits import Splits
from common.records.text import language_of
from common.tuning.configuration import read_settings
from common.tuning.finetune import finetune
from common.tuning.imbalance import ClassLoss
from common.tuning.settings import Settings

CASES = {"sample": "e5-small", "finentity": "minilm", "finnsp": "e5-small"}
# Of what is learned with `--choose`, one in so many weighs the words.
HELD_OUT = 7
LABELS = ("positive", "neutral", "negative")


def main() -> None:
    """Fine-tune one case, measure, and keep its figures beside those of the other."""
    arguments = parser("sentiment towards a company")
    arguments.add_argument("--case", choices=CASES, default="sample")
    arguments.add_argument("--set", action="append", default=[], help="a setting: name=value")
    arguments.add_argument("--choose", action="store_true", help="leave the test texts alone")
    arguments.add_argument("--part", type=int, default=1, help="learn every Nth example")
    arguments.add_argument("--work", type=Path, help="where checkpoints are kept")
    chosen = arguments.parse_args()
    start(chosen)
    settings = read_settings(None, chosen.set, seed=chosen.seed)
    splits = _read_case(chosen.case, chosen.data, settings)
    if chosen.choose:
        kept = [one for number, one in enumerate(splits.train) if number % HELD_OUT]
        splits = Splits(kept, splits.train[::HELD_OUT], splits.validation)
    asked = splits.test
    learned = splits.train[:: chosen.part]
    peers = _peers(learned, asked)
    print(json.dumps({"case": chosen.case, "learned": len(learned), **peers}), flush=True)
    splits = Splits(learned, splits.validation, [])
    classifier, minutes = _train(CASES[chosen.case], splits, settings, chosen.work)
    outcomes = run(classifier, asked)
    alone = run(replace(classifier, direction=None), asked)
    metrics = {
        "targets learned": len(learned),
        **_measure(outcomes),
        "accuracy, the model alone": summarise(alone)["target_accuracy"],
        "weight of the words": classifier.direction and classifier.direction.target_weight,
        **(_without_copies(learned, outcomes) if chosen.case == "finnsp" else {}),
        **peers,
        "minutes": minutes,
        "settings": settings.model_dump(exclude_defaults=True),
    }
    if chosen.choose:
        print(json.dumps({"case": chosen.case, **metrics}))
        return
    path = RESULTS / "targets.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    cases = {name: kept[name] for name in CASES if name in kept}
    report("targets", {**cases, chosen.case: metrics})


def _read_case(case: str, folder: Path, settings: Settings) -> Splits[Example]:
    if case == "sample":
        return _sample(settings)
    return _finentity(folder) if case == "finentity" else read_finnsp(folder)


def _sample(settings: Settings) -> Splits[Example]:
    news = sorted([*SAMPLES.glob("targets.*"), *SAMPLES.glob("news.*")])
    test = sorted(SAMPLES.glob("targets_test.*"))
    listed = read_entities(SAMPLES / "entities.csv")
    sources = Sources(news=news, test=test, companies=listed)
    found = read_dataset(sources, seed=settings.seed).splits
    return Splits(*map(_of_targets, (found.train, found.validation, found.test)))


def _of_targets(given: Sequence[Example]) -> list[Example]:
    return [example for example in given if example.target]


def _finentity(folder: Path) -> Splits[Example]:
    train = _read(folder / "finentity" / "train.jsonl")
    kept = [record for number, record in enumerate(train) if number % 5]
    test = _read(folder / "finentity" / "dev.jsonl")
    return Splits(examples(kept), examples(train[::5]), examples(test))


def _read(path: Path) -> list[TrainingRecord]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [TrainingRecord.model_validate_json(line) for line in lines]


def _train(
    backbone: str, splits: Splits[Example], settings: Settings, kept: Path | None
) -> tuple[Classifier, float]:
    task = FinanceMonitorTask(splits.train, [], ClassLoss.of(settings))
    encoder = load_encoder(locate(backbone), dropout=settings.dropout)
    learned = Splits(splits.train, [], [])
    with tempfile.TemporaryDirectory() as passing:
        work = kept or Path(passing)
        tuned = finetune(task, encoder, learned, settings, work=work, resume=kept is not None)
    assert isinstance(tuned.module, NewsModel)
    classifier = Classifier("", FullPrecision(tuned.module, tuned.pretrained), [])
    return calibrate(classifier, task, splits.validation), tuned.seconds / 60


def _measure(outcomes: Sequence[Outcome]) -> dict[str, float]:
    import torch

    right = torch.tensor([LABELS.index(str(one.label)) for one in outcomes])
    found = torch.tensor([LABELS.index(str(one.found)) for one in outcomes])
    measured = {
        "targets": len(outcomes),
        "accuracy": summarise(outcomes)["target_accuracy"],
        "macro F1": f1(found, right, average="macro"),
        "F1 of negative": _f1_of_negative(
            [one.found for one in outcomes], [one.label for one in outcomes]
        ),
    }
    for language in sorted({language_of(one.example.text) for one in outcomes}):
        some = [one for one in outcomes if language_of(one.example.text) == language]
        measured[f"accuracy, {language}"] = summarise(some)["target_accuracy"]
    return measured


def _f1_of_negative(found: Sequence[str | None], right: Sequence[str | None]) -> float:
    import torch

    both = [torch.tensor([label == "negative" for label in labels]) for labels in (found, right)]
    return f1(*both, average="binary")


def _peers(learned: Sequence[Example], asked: Sequence[Example]) -> dict[str, float]:
    """What needs no encoder, on the same examples."""
    right = [str(one.target) for one in asked]
    labels = [str(one.target) for one in learned]
    usual = Counter(labels).most_common(1)[0][0]
    linear = predict_linear([one.text for one in learned], labels, [one.text for one in asked])
    return {
        "the most usual: accuracy": _share(usual == label for label in right),
        "all negative: F1 of negative": _f1_of_negative(["negative"] * len(right), right),
        "linear: accuracy": _share(map(str.__eq__, linear, right)),
        "linear: F1 of negative": _f1_of_negative(linear, right),
    }


def _without_copies(learned: Sequence[Example], outcomes: Sequence[Outcome]) -> dict[str, float]:
    """The same where no near-copy of the text was learned."""
    known = alike_learned(learned, [one.example for one in outcomes])
    new = [one for one, alike in zip(outcomes, known, strict=True) if not alike]
    return {
        "targets of new texts": len(new),
        "F1 of negative, new texts": _f1_of_negative(
            [one.found for one in new], [one.label for one in new]
        ),
    }


def _share(flags: Iterable[bool]) -> float:
    known = [*flags]
    return sum(known) / len(known)


if __name__ == "__main__":
    main()
