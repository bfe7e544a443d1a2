"""Questions in another language than the FAQ's, and in pinyin: found, answered, and at what cost.

python -m benchmarks.asked_otherwise [--store DIR]     # a store with the release of `make serve`
python -m benchmarks.asked_otherwise --development      # of pinyin, what settings are chosen by

Beside them, the held-out questions in the FAQs' own language, which must not fare worse.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

from apps.customer_service import evaluate
from apps.customer_service.data import Example
from apps.customer_service.demo.samples import SAMPLES
from apps.customer_service.release import load_release
from apps.customer_service.schema import OUT_OF_SCOPE
from benchmarks.harness import parser, report, start
from common.records.personal import prepare
from common.releases.registry import Registry

SHOWN = ("right_first", "right_in_three", "answered", "wrong_among_answered")


def main() -> None:
    """Ask, and tell each way of asking by itself."""
    arguments = parser("questions asked otherwise")
    arguments.add_argument("--store", type=Path, default=Path("var"))
    arguments.add_argument(
        "--development", action="store_true", help="the pinyin by which settings are chosen"
    )
    chosen = arguments.parse_args()
    start(chosen)
    answerer = load_release(Registry(chosen.store, "customer_service").open())
    split = "development" if chosen.development else "test"
    asked = {
        "Chinese, the FAQ in English": _read("cross_language.csv", _is("language", "zh")),
        "English, the FAQ in Chinese": _read("cross_language.csv", _is("language", "en")),
        "pinyin": _read("pinyin.csv", _is("split", split)),
        "English": _read("test.en.csv"),
        "Chinese": _read("test.zh.csv"),
    }
    figures: dict[str, float] = {}
    for name, examples in asked.items():
        found = evaluate.summarise(evaluate.run(answerer, examples))
        figures[f"{name}: questions"] = len(examples)
        figures |= {f"{name}: {one}": found[one] for one in SHOWN}
    report(f"asked_otherwise{'_development' if chosen.development else ''}", figures)


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
