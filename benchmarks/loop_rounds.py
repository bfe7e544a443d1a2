"""Ten rounds of `learn`, each with other corrections, beside learning all of them at once.

python -m benchmarks.loop_rounds [--store DIR]     # a store with the release of `make serve`

The written corrections come FAQ by FAQ, first in English, then in Chinese: each round is about
other things than the one before. What the first round taught is asked in the end, in other words.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from apps.customer_service import evaluate
from apps.customer_service.data import Example
from apps.customer_service.demo.samples import SAMPLES
from apps.customer_service.learning.corrections import wanted_faq
from apps.customer_service.learning.learn import learn
from apps.customer_service.learning.lessons import load_lessons
from apps.customer_service.release import load_release
from benchmarks.harness import parser, report, start
from benchmarks.learning import corrected
from common.console import say
from common.learning.schema import Feedback
from common.records.personal import prepare
from common.releases.registry import Registry

APPLICATION = "customer_service"
ROUNDS = 10

Rows = Sequence[dict[str, str]]


def main() -> None:
    """Learn in rounds, learn at once, ask both."""
    arguments = parser("ten rounds of learning in a row")
    arguments.add_argument("--store", type=Path, default=Path("var"))
    chosen = arguments.parse_args()
    start(chosen)
    lines = (SAMPLES / "corrections.jsonl").read_text(encoding="utf-8").splitlines()
    written = sorted(map(json.loads, lines), key=lambda one: one.get("faq_id", ""))
    bounds = [n * len(written) // ROUNDS for n in range(ROUNDS + 1)]
    rounds = [written[begin:end] for begin, end in pairwise(bounds)]
    trained = Registry(chosen.store, APPLICATION)
    alone, promoted = _learn(trained, rounds)
    joint, _ = _learn(trained, [written])
    report(
        "loop_rounds",
        {
            "rounds": ROUNDS,
            "corrections in each": [len(one) for one in rounds],
            "promoted": promoted,
            **{f"in rounds: {name}": value for name, value in _figures(alone, rounds).items()},
            **{f"at once: {name}": value for name, value in _figures(joint, rounds).items()},
        },
    )


def _learn(trained: Registry, rounds: Sequence[Rows]) -> tuple[Any, int]:
    """The answerer that serves in the end, and how many candidates did."""
    promoted = 0
    with corrected(trained.open(), APPLICATION, []) as (registry, store):
        for number, rows in enumerate(rounds):
            store.add([_row(one, float(number)) for one in rows])
            learned = learn(registry, store, promote=True)
            promoted += learned.promoted
            say(f"Round {number + 1} of {len(rounds)}: {learned.verdict}")
        release = registry.open()
        return (load_release(release), load_lessons(release)[0].golden), promoted


def _row(one: dict[str, str], at: float) -> Feedback:
    wanted = {name: one[name] for name in ("faq_id", "answer") if name in one}
    text = prepare(one["text"])
    return Feedback(at=at, source="desk", trusted=True, kind="correction", text=text, wanted=wanted)


def _figures(learned: Any, rounds: Sequence[Rows]) -> dict[str, float]:
    answerer, golden = learned
    asked = [example for example in golden if example.faq_id is not None]
    every = [one for rows in rounds for one in rows]
    return {
        "round 1, the same words": _right(answerer, rounds[0], "text"),
        "round 1, other words": _right(answerer, rounds[0], "paraphrase"),
        "all rounds, other words": _right(answerer, every, "paraphrase"),
        "golden": _share(answerer, asked),
    }


def _right(answerer: Any, rows: Rows, name: str) -> float:
    return _share(answerer, [Example(prepare(one[name]), wanted_faq(one), None) for one in rows])


def _share(answerer: Any, asked: Sequence[Example]) -> float:
    outcomes = evaluate.run(answerer, asked)
    return sum(outcome.is_right for outcome in outcomes) / len(outcomes)


if __name__ == "__main__":
    main()
