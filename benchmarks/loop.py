"""What `learn` gains from written corrections, and what wrong ones among them cost.

python -m benchmarks.loop [--store DIR]     # a store with the release of `make serve`

As operators do, only what the release gets wrong is corrected; what it gets right is
asked as well, before and after.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, cast

from apps.customer_service import evaluate
from apps.customer_service.data import Example
from apps.customer_service.demo.samples import SAMPLES
from apps.customer_service.learning.corrections import wanted_faq
from apps.customer_service.learning.learn import learn
from apps.customer_service.learning.lessons import load_lessons
from apps.customer_service.release import load_release
from benchmarks.harness import parser, report, start
from benchmarks.learning import corrected
from common.learning.candidates.releasing import Learned
from common.learning.review import Review
from common.learning.schema import Feedback
from common.records.personal import prepare
from common.releases.registry import Registry

APPLICATION = "customer_service"
WRONG = 25
# Who gives the honest corrections, each of them two customers; no source gives many.
CUSTOMERS = 40


def main() -> None:
    """Learn from honest corrections alone, and among wrong ones from one source and from five."""
    arguments = parser("learning from corrections")
    arguments.add_argument("--store", type=Path, default=Path("var"))
    chosen = arguments.parse_args()
    start(chosen)
    lines = (SAMPLES / "corrections.jsonl").read_text(encoding="utf-8").splitlines()
    written = [json.loads(line) for line in lines]
    serving = Registry(chosen.store, APPLICATION).open()
    release = load_release(serving)
    said = [Example(prepare(one["text"]), wanted_faq(one), None) for one in written]
    outcomes = zip(written, evaluate.run(release, said), strict=True)
    known = [one for one, outcome in outcomes if outcome.is_right]
    written, every = [one for one in written if one not in known], len(written)
    honest = [
        row
        for number, one in enumerate(written)
        for row in _said(one["text"], one, _two_customers(number))
    ]
    wrong = _wrong_texts(chosen.store, chosen.seed)
    runs = {
        "honest alone": honest,
        "and 25 wrong of one source": [*honest, *_all_said(wrong, ("mallory",))],
        "and 25 wrong of five sources": [
            *honest,
            *_all_said(wrong, tuple(f"mallory {n}" for n in range(5))),
        ],
    }
    asked = {
        "paraphrases of what was corrected": _asked(written, "paraphrase"),
        "others about the same FAQs": _asked(written, "other"),
        "paraphrases of what was right": _asked(known, "paraphrase"),
    }
    metrics: dict[str, Any] = {
        "written": every,
        "of them wrong, and corrected": len(written),
        **{f"{name}, before": _right(evaluate.run(release, some)) for name, some in asked.items()},
    }
    for name, rows in runs.items():
        metrics |= {f"{name}: {key}": value for key, value in _run(serving, rows, asked).items()}
    report("loop", metrics)


def _asked(rows: Sequence[dict[str, str]], name: str) -> list[Example]:
    return [Example(prepare(one[name]), wanted_faq(one), None) for one in rows if name in one]


def _run(
    serving: Any, rows: Sequence[Feedback], asked: Mapping[str, Sequence[Example]]
) -> dict[str, Any]:
    with corrected(serving, APPLICATION, rows) as (registry, store):
        started = perf_counter()
        learned = learn(registry, store, promote=True)
        seconds = perf_counter() - started
        serves = load_release(registry.open())
        after = {name: _right(evaluate.run(serves, some)) for name, some in asked.items()}
    return {**_figures(learned), **after, "seconds": seconds}


def _figures(learned: Learned) -> dict[str, Any]:
    if learned.comparison is None:
        return {"learned": 0, "promoted": False}
    golden = learned.comparison.golden
    return {
        "learned": len(cast(Review, learned.review).taken),
        "promoted": learned.promoted,
        "corrected questions, held out": learned.comparison.new and learned.comparison.new.after,
        "golden, before": golden.before,
        "golden, candidate": golden.after,
    }


def _two_customers(number: int) -> tuple[str, str]:
    first = 2 * number % CUSTOMERS
    return f"customer {first}", f"customer {first + 1}"


def _said(text: str, wanted: dict[str, str], sources: Sequence[str]) -> list[Feedback]:
    kept = {name: wanted[name] for name in ("faq_id", "answer") if name in wanted}
    return [
        Feedback(at=1.0, source=source, kind="correction", text=prepare(text), wanted=kept)
        for source in sources
    ]


def _all_said(pairs: Sequence[tuple[str, str]], sources: Sequence[str]) -> list[Feedback]:
    return [row for text, faq in pairs for row in _said(text, {"faq_id": faq}, sources)]


def _wrong_texts(store: Path, seed: int) -> list[tuple[str, str]]:
    """Customers' questions in other words, each with the FAQ of another question."""
    import numpy as np

    lessons, _ = load_lessons(Registry(store, APPLICATION).open())
    known = [example for example in lessons.train if example.faq_id]
    chosen = np.random.default_rng(seed).permutation(len(known))[: 2 * WRONG]
    pairs = [(known[a], known[b]) for a, b in zip(chosen[:WRONG], chosen[WRONG:], strict=True)]
    return [(f"{one.text}, {one.text}", str(other.faq_id)) for one, other in pairs]


def _right(outcomes: Sequence[evaluate.Outcome]) -> float:
    return sum(outcome.is_right for outcome in outcomes) / len(outcomes)


if __name__ == "__main__":
    main()
