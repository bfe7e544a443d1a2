"""Questions in another language than the FAQ's, and in pinyin: found, answered, and at what cost.

python -m benchmarks.asked_otherwise [--store DIR]     # a store with the release of `make serve`
python -m benchmarks.asked_otherwise --development      # of pinyin, what settings are chosen by
python -m benchmarks.asked_otherwise --left-out         # across languages, what they are chosen by

Beside them, the held-out questions in the FAQs' own language, which must not fare worse.

`--left-out` trains with the settings of `make serve`, without one FAQ of each pair in `twins.csv`
and all its questions, and asks these: what answers them is in the other language alone. The FAQs
of the test questions are in no pair. Beside them, its validation questions.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from apps.customer_service import evaluate
from apps.customer_service.answers.answering import Answerer
from apps.customer_service.data import Example, Sources, read_dataset
from apps.customer_service.demo.samples import SAMPLES, SETTINGS, files
from apps.customer_service.options_cli import DEFAULTS
from apps.customer_service.release import load_release
from apps.customer_service.schema import OUT_OF_SCOPE
from apps.customer_service.train import train
from benchmarks.harness import parser, report, start
from common.records.personal import prepare
from common.records.splits import Splits
from common.records.text import language_of
from common.releases.registry import Registry
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
    chosen = arguments.parse_args()
    start(chosen)
    if chosen.left_out:
        report("asked_otherwise_left_out", _left_out())
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


def _left_out() -> dict[str, float]:
    """Of every second pair the English FAQ is left out, of the others the Chinese one."""
    with (SAMPLES / "twins.csv").open(encoding="utf-8", newline="") as file:
        pairs = [(row["en"], row["zh"]) for row in csv.DictReader(file)]
    stands_in = {pair[n % 2]: pair[1 - n % 2] for n, pair in enumerate(pairs)}
    dataset = read_dataset(Sources(faqs=files("faqs"), questions=files("questions")))
    everything = [*dataset.splits.train, *dataset.not_learned]
    asked = [
        replace(one, faq_id=stands_in[one.faq_id]) for one in everything if one.faq_id in stands_in
    ]

    def kept(examples: Sequence[Example]) -> list[Example]:
        return [one for one in examples if one.faq_id not in stands_in]

    learned, validation = kept(dataset.splits.train), kept(dataset.splits.validation)
    left = replace(
        dataset,
        faqs={name: faq for name, faq in dataset.faqs.items() if name not in stands_in},
        splits=Splits(learned, validation, []),
        calibration=kept(dataset.calibration),
    )
    pairs_of_settings = [f"{name}={value}" for name, value in SETTINGS.items()]
    settings = read_settings(None, pairs_of_settings, defaults=DEFAULTS)
    with tempfile.TemporaryDirectory() as store:
        trained = train(left, settings, Registry(Path(store), "customer_service"))
        assert trained is not None
        answerer = load_release(trained.release)
        by_language = {
            f"left out, asked in {name}": [one for one in asked if language_of(one.text) == name]
            for name in ("en", "zh")
        }
        return _figures(answerer, {**by_language, "validation": validation})


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
