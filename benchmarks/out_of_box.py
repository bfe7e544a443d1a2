"""What a monitor that learned the sample data alone reads rightly, theirs and others' news.

python -m benchmarks.out_of_box [--store DIR]

It is trained as `demo` trains it, or is the release that serves in DIR.

Everything is held out: the sample data's own test files, twitter_financial_news's validation
split, English posts, and every fourth text of FinNSP, Chinese, much of it about peer-to-peer
lending: negative or not.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import torch

from apps.finance_monitor.cli import DEMO_SETTINGS, SAMPLES
from apps.finance_monitor.data import Sources, examples, read_dataset, read_pairs
from apps.finance_monitor.evaluate import run, summarise
from apps.finance_monitor.release import load_release
from apps.finance_monitor.schema import SENTIMENTS, TrainingRecord
from apps.finance_monitor.stories.classifying import NEGATIVE, Classifier
from apps.finance_monitor.stories.companies import read_entities
from apps.finance_monitor.stories.text import prepare
from apps.finance_monitor.stress.direction import direction
from apps.finance_monitor.train import train
from benchmarks.finance_sentiment import read_news
from benchmarks.harness import add_settings, parser, report, start
from common.evaluation.metrics import accuracy, f1
from common.records.text import language_of
from common.releases.registry import Registry
from common.tuning.configuration import read_settings


def main() -> None:
    """Train on the sample data, measure on all that was held out, report."""
    arguments = parser("a monitor that learned the sample data alone")
    arguments.add_argument(
        "--store", type=Path, help="whose release is measured; made if there is none"
    )
    add_settings(arguments)
    chosen = arguments.parse_args()
    start(chosen)
    demo = [f"{name}={value}" for name, value in DEMO_SETTINGS.items()]
    settings = read_settings(None, [*demo, *(chosen.set or [])], seed=chosen.seed)
    dataset = read_dataset(
        Sources(
            news=[path for kind in ("news", "posts", "targets") for path in _samples(kind)],
            pairs=_samples("pairs"),
            test=_samples("test"),
            companies=read_entities(SAMPLES / "entities.csv"),
        ),
        seed=settings.seed,
    )
    with tempfile.TemporaryDirectory() as passing:
        registry = Registry(chosen.store or Path(passing), "finance_monitor")
        if registry.current_id() is None:
            train(dataset, settings, registry, promote=True)
        release = registry.open()
        classifier = load_release(release)
        news = summarise(run(classifier, dataset.splits.test))
        metrics = {
            "texts and pairs learned": len(dataset.learned.train),
            "minutes": release.manifest["seconds"] / 60,
            "sample news weighted F1": news["sentiment_f1"],
            "sample news topic F1": news["topic_f1"],
            **_towards(classifier),
            **_direction(classifier),
            **_twitter(classifier, chosen.data),
            **_finnsp(classifier, chosen.data),
        }
    report("out_of_box", metrics)


def _samples(kind: str) -> list[Path]:
    return sorted(SAMPLES.glob(f"{kind}.*.jsonl"))


def _towards(classifier: Classifier) -> dict[str, float]:
    """Companies of which, and of whose like, nothing was learned."""
    records = [
        TrainingRecord.model_validate_json(line)
        for path in _samples("targets_test")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    outcomes = run(classifier, [one for one in examples(records) if one.target])
    measured = {"targets: right": summarise(outcomes)["target_accuracy"]}
    for language in ("en", "zh"):
        some = [one for one in outcomes if language_of(one.example.text) == language]
        measured[f"targets, {language}: right"] = summarise(some)["target_accuracy"]
    found, right = (
        torch.tensor([SENTIMENTS.index(str(label)) for label in labels])
        for labels in ([one.found for one in outcomes], [one.label for one in outcomes])
    )
    return measured | {"targets: macro F1": f1(found, right, average="macro")}


def _direction(classifier: Classifier) -> dict[str, float]:
    pairs = [one for path in _samples("pairs") for one in read_pairs(path, Sources(), "test")]
    found = direction(classifier, pairs)
    of_language = {
        f"pairs, {language}: both right": one.both
        for language, one in found.groups["language"].items()
    }
    return {"pairs: both right": found.all.both, **of_language}


def _twitter(classifier: Classifier, data: Path) -> dict[str, float]:
    outcomes = run(classifier, read_news(data / "twitter_financial_news" / "valid.csv"))
    return {"twitter weighted F1": summarise(outcomes)["sentiment_f1"]}


def _finnsp(classifier: Classifier, data: Path) -> dict[str, float]:
    lines = (data / "finnsp" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines[2::4]]
    readings = classifier.read([prepare(row["text"]) for row in rows])
    found, right = (
        torch.tensor(flags)
        for flags in (
            [r.sentiment is not None and r.sentiment.argmax() == NEGATIVE for r in readings],
            [row["negative"] for row in rows],
        )
    )
    share = float(right.float().mean())
    return {
        "finnsp texts, negative or not: right": accuracy(found, right),
        "finnsp texts, F1 of negative": f1(found, right, average="binary"),
        "finnsp texts, all called negative: F1": 2 * share / (1 + share),
    }


if __name__ == "__main__":
    main()
