"""Which way a headline points: pairs of opposite texts, of patterns that were not learned.

python -m benchmarks.direction --case news     the sample news alone
python -m benchmarks.direction --case texts    and the pairs' texts, one by one
python -m benchmarks.direction --case pairs    and the pairs as pairs

The words that say which way a text points are read beside the model, as in every release; what the
model says alone stands beside.

With `--choose` a third of the patterns that are learned is held out instead, and nothing is kept.
With `--work DIR` a run that was interrupted goes on. News of another kind is read beside it: every
fifth text of twitter_financial_news's valid.csv.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from apps.finance_monitor.cli import SAMPLES
from apps.finance_monitor.data import Dataset, Sources, pair, read_dataset, read_pairs
from apps.finance_monitor.evaluate import run, summarise
from apps.finance_monitor.schema import PairRecord, Part
from apps.finance_monitor.stories.calibrating import calibrate
from apps.finance_monitor.stories.classifying import Classifier
from apps.finance_monitor.stories.network import FullPrecision
from apps.finance_monitor.stories.news_model import NewsModel
from apps.finance_monitor.stress.direction import direction
from apps.finance_monitor.task import FinanceMonitorTask
from benchmarks.finance_sentiment import read_news
from benchmarks.harness import RESULTS, parser, report, start
from common.models.encoder import load_encoder
from common.models.sources.bundled import locate
from common.tuning.configuration import read_settings
from common.tuning.finetune import finetune
from common.tuning.imbalance import ClassLoss
from common.tuning.settings import Settings

CASES = ("news", "texts", "pairs")


def main() -> None:
    """Fine-tune one case, measure, and keep its figures beside those of the others."""
    arguments = parser("sample news: pairs of opposite texts, both right")
    arguments.add_argument("--case", choices=CASES, default="pairs")
    arguments.add_argument("--set", action="append", default=[], help="a setting: name=value")
    arguments.add_argument("--choose", action="store_true", help="leave the test patterns alone")
    arguments.add_argument("--work", type=Path, help="where checkpoints are kept")
    chosen = arguments.parse_args()
    start(chosen)
    given = ["pair_weight=0", *chosen.set] if chosen.case == "texts" else chosen.set
    settings = read_settings(None, given, seed=chosen.seed)
    dataset = read_dataset(
        Sources(news=sorted(SAMPLES.glob("news.*")), test=sorted(SAMPLES.glob("test.*"))),
        seed=settings.seed,
    )
    learned, asked = _pairs("train"), _pairs("test")
    if chosen.choose:
        held_out = sorted({str(one.pattern) for one in learned})[::3]
        asked = [one for one in learned if one.pattern in held_out]
        learned = [one for one in learned if one.pattern not in held_out]
    if chosen.case != "news":
        dataset.pairs.extend(map(pair, learned))
    classifier, minutes = _train(dataset, settings, chosen.work)
    metrics: dict[str, Any] = {**_measure(classifier, dataset, asked)}
    twitter = read_news(chosen.data / "twitter_financial_news" / "valid.csv")[::5]
    for name, one in (("", classifier), (", the model alone", replace(classifier, direction=None))):
        metrics[f"twitter weighted F1{name}"] = summarise(run(one, twitter))["sentiment_f1"]
    metrics |= {"minutes": minutes, "settings": settings.model_dump(exclude_defaults=True)}
    if chosen.choose:
        print(json.dumps({"case": chosen.case, **metrics}))
        return
    path = RESULTS / "direction.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    cases = {name: kept[name] for name in CASES if name in kept}
    report("direction", {**cases, chosen.case: metrics})


def _pairs(part: Part) -> list[PairRecord]:
    paths = sorted(SAMPLES.glob("pairs.*"))
    return [one for path in paths for one in read_pairs(path, Sources(), part)]


def _train(dataset: Dataset, settings: Settings, kept: Path | None) -> tuple[Classifier, float]:
    task = FinanceMonitorTask(
        dataset.learned.train, dataset.topics, ClassLoss.of(settings), settings.pair_weight
    )
    encoder = load_encoder(locate("e5-small"), dropout=settings.dropout)
    with tempfile.TemporaryDirectory() as passing:
        work = kept or Path(passing)
        tuned = finetune(
            task, encoder, dataset.learned, settings, work=work, resume=kept is not None
        )
    assert isinstance(tuned.module, NewsModel)
    network = FullPrecision(tuned.module, tuned.pretrained)
    classifier = calibrate(Classifier("", network, task.topics), task, dataset.splits.validation)
    return classifier, tuned.seconds / 60


def _measure(
    classifier: Classifier, dataset: Dataset, asked: Sequence[PairRecord]
) -> dict[str, float | None]:
    found = direction(classifier, asked)
    alone = replace(classifier, direction=None)
    news = summarise(run(classifier, dataset.splits.test))
    of_language = {
        f"{name}, {language}": getattr(one, name)
        for language, one in found.groups["language"].items()
        for name in ("both", "texts")
    }
    return {
        "pairs": found.all.pairs,
        "both": found.all.both,
        "texts": found.all.texts,
        "decided": found.all.decided,
        "of these both": found.all.both_decided,
        "both, the model alone": direction(alone, asked).all.both,
        "weight of the words": classifier.direction and classifier.direction.weight,
        **of_language,
        "sample news weighted F1": news["sentiment_f1"],
        "sample news weighted F1, the model alone": summarise(run(alone, dataset.splits.test))[
            "sentiment_f1"
        ],
        "sample news topic F1": news["topic_f1"],
    }


if __name__ == "__main__":
    main()
