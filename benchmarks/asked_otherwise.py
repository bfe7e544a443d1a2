"""Questions in another language than the FAQ's, and in pinyin: found, answered, and at what cost.

python -m benchmarks.asked_otherwise [--store DIR]     # a store with the release of `make serve`
python -m benchmarks.asked_otherwise --development      # of pinyin, what settings are chosen by
python -m benchmarks.asked_otherwise --left-out [--kept DIR]    # what settings are chosen by, too

Beside them, the held-out questions in the FAQs' own language, which must not fare worse.

`--left-out` trains with the settings of `make serve`, without one FAQ of each pair in `twins.csv`
and all its questions, and asks these: what answers them is in the other language alone. The FAQs
of the test questions are in no pair. Beside them, its validation questions, and how sure it is of
what it never learned (`benchmarks/never_learned.py`). `--kept` keeps the release, and asks one that
lies there already.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from apps.customer_service import evaluate
from apps.customer_service.answers.answering import Answerer
from apps.customer_service.data import Dataset, Example, Sources, read_dataset, variants_of
from apps.customer_service.demo.samples import SAMPLES, SETTINGS, files
from apps.customer_service.options_cli import DEFAULTS
from apps.customer_service.release import load_release
from apps.customer_service.schema import OUT_OF_SCOPE
from apps.customer_service.train import train
from benchmarks import never_learned
from benchmarks.harness import parser, report, start
from common.records.personal import prepare
from common.records.splits import Splits
from common.records.text import fold, language_of
from common.releases.registry import Registry
from common.releases.release import Release
from common.tuning.configuration import read_settings

SHOWN = ("right_first", "right_in_three", "answered", "wrong_among_answered")


def main() -> None:
    """Ask, and tell each way of asking by itself."""
    arguments = parser("questions asked otherwise")
    arguments.add_argument("--store", type=Path, default=Path("var"))
    arguments.add_argument(
        "--development", action="store_true", help="the pinyin by which settings are chosen"
    )
    arguments.add_argument(
        "--left-out", action="store_true", help="a release without some FAQs, and their questions"
    )
    arguments.add_argument("--kept", type=Path, help="a store for the release of --left-out")
    chosen = arguments.parse_args()
    start(chosen)
    if chosen.left_out:
        with tempfile.TemporaryDirectory() as passing:
            report("asked_otherwise_left_out", _left_out(chosen.kept or Path(passing)))
        return
    answerer = load_release(Registry(chosen.store, "customer_service").open())
    split = "development" if chosen.development else "test"
    asked = {
        "Chinese, the FAQ in English": _read("cross_language.csv", _is("language", "zh")),
        "English, the FAQ in Chinese": _read("cross_language.csv", _is("language", "en")),
        "pinyin": _read("pinyin.csv", _is("split", split)),
        "English": _read("test.en.csv"),
        "Chinese": _read("test.zh.csv"),
    }
    figures = _figures(answerer, asked)
    report(f"asked_otherwise{'_development' if chosen.development else ''}", figures)


def _figures(answerer: Answerer, asked: Mapping[str, Sequence[Example]]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for name, examples in asked.items():
        found = evaluate.summarise(evaluate.run(answerer, examples))
        figures[f"{name}: questions"] = len(examples)
        figures |= {f"{name}: {one}": found[one] for one in SHOWN}
    return figures


def _left_out(store: Path) -> dict[str, float]:
    """Of every second pair the English FAQ is left out, of the others the Chinese one."""
    with (SAMPLES / "twins.csv").open(encoding="utf-8", newline="") as file:
        pairs = [(row["en"], row["zh"]) for row in csv.DictReader(file)]
    stands_in = {pair[n % 2]: pair[1 - n % 2] for n, pair in enumerate(pairs)}
    dataset = read_dataset(Sources(faqs=files("faqs"), questions=files("questions")))
    of_faqs = {fold(one.text) for one in variants_of(dataset.faqs)}
    everything = [*dataset.splits.train, *dataset.not_learned]
    questions = [one for one in everything if fold(one.text) not in of_faqs]
    asked = {
        name: [replace(one, faq_id=other) for one in questions if one.faq_id == name]
        for name, other in stands_in.items()
    }
    registry = Registry(store, "customer_service")
    release = registry.open() if registry.current_id() else _trained(dataset, stands_in, registry)
    answerer = load_release(release)
    every = [one for examples in asked.values() for one in examples]
    by_language = {
        f"left out, asked in {name}": [one for one in every if language_of(one.text) == name]
        for name in ("en", "zh")
    }
    validation = [one for one in dataset.splits.validation if one.faq_id not in stands_in]
    found = _figures(answerer, {**by_language, "validation": validation})
    return found | never_learned.figures(answerer, release, asked)


def _trained(dataset: Dataset, left_out: Collection[str], registry: Registry) -> Release:
    def kept(examples: Sequence[Example]) -> list[Example]:
        return [one for one in examples if one.faq_id not in left_out]

    left = replace(
        dataset,
        faqs={name: faq for name, faq in dataset.faqs.items() if name not in left_out},
        splits=Splits(kept(dataset.splits.train), kept(dataset.splits.validation), []),
        calibration=kept(dataset.calibration),
    )
    pairs = [f"{name}={value}" for name, value in SETTINGS.items()]
    settings = read_settings(None, pairs, defaults=DEFAULTS)
    trained = train(left, settings, registry, promote=True)
    assert trained is not None
    return trained.release


def _is(column: str, value: str) -> Callable[[dict[str, str]], bool]:
    return lambda row: row[column] == value


def _read(
    name: str, is_asked: Callable[[dict[str, str]], bool] = lambda row: True
) -> Sequence[Example]:
    with (SAMPLES / name).open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if is_asked(row)]
    return [
        Example(prepare(row["question"]), row["faq_id"] or None, _intent(row.get("intent")))
        for row in rows
    ]


def _intent(given: str | None) -> str | None:
    return OUT_OF_SCOPE if given == OUT_OF_SCOPE else None


if __name__ == "__main__":
    main()
