"""What the monitor gains from corrections in the wording of a sector that it never read.

python -m benchmarks.loop_finance [--seeds 3]

The release of `demo` is trained with several seeds, and each learns the same corrections: from one
seed to the next the figures of some two hundred held-out texts differ by several points.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import numpy as np

from apps.finance_monitor import evaluate
from apps.finance_monitor.cli import DEMO_SETTINGS, SAMPLES
from apps.finance_monitor.data import Example
from apps.finance_monitor.learning.corrections import corrected_text, example_of
from apps.finance_monitor.learning.learn import learn
from apps.finance_monitor.learning.lessons import load_lessons
from apps.finance_monitor.options_cli import FileOptions
from apps.finance_monitor.release import load_release
from apps.finance_monitor.stories.classifying import Classifier
from apps.finance_monitor.training.cli import train
from benchmarks.harness import parser, report, start
from benchmarks.learning import corrected
from common.learning.candidates.groups_cli import GroupOptions
from common.learning.review import Review
from common.learning.schema import Feedback
from common.learning.train_cli import TrainOptions
from common.releases.registry import Registry
from common.tuning.settings_cli import SettingOptions

APPLICATION = "finance_monitor"
# Who gives the corrections, each of them two analysts; no source gives many.
ANALYSTS = 40


def main() -> None:
    """Learn the written corrections; measure on unseen texts of the sector, and elsewhere."""
    arguments = parser("the monitor learning from corrections")
    arguments.add_argument("--seeds", type=int, default=3)
    chosen = arguments.parse_args()
    start(chosen)
    lines = (SAMPLES / "corrections.jsonl").read_text(encoding="utf-8").splitlines()
    written = [json.loads(line) for line in lines]
    unseen = [example_of(one["text"], one) for one in written if one["role"] == "unseen"]
    rows = [
        Feedback(
            at=1.0,
            source=f"analyst {(2 * number + second) % ANALYSTS}",
            kind="correction",
            text=corrected_text(one["text"]),
            wanted={"sentiment": one["sentiment"]},
        )
        for number, one in enumerate(written)
        if one["role"] == "corrected"
        for second in range(2)
    ]
    runs = []
    for seed in range(chosen.seed, chosen.seed + chosen.seeds):
        with tempfile.TemporaryDirectory() as folder:
            _train(Path(folder), seed)
            runs.append(_run(Registry(Path(folder), APPLICATION), rows, unseen))
    means = {name: float(np.mean([run[name] for run in runs])) for name in runs[0] if "F1" in name}
    by_seed = {f"{name}, by seed": [_short(run[name]) for run in runs] for name in runs[0]}
    report("loop_finance", {"seeds": len(runs), **means, **by_seed})


def _train(store: Path, seed: int) -> None:
    settings = [f"{name}={value}" for name, value in DEMO_SETTINGS.items()]
    train(
        files=FileOptions(sorted(SAMPLES.glob("news.*")), test=sorted(SAMPLES.glob("test.*"))),
        run=TrainOptions(),
        holding=GroupOptions(),
        given=SettingOptions(settings, seed=seed),
        store=store,
    )


def _short(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value


def _run(trained: Registry, rows: Sequence[Feedback], unseen: Sequence[Example]) -> dict[str, Any]:
    serving = trained.open()
    golden = load_lessons(serving).golden
    before = _figures(load_release(serving), unseen, golden)
    with corrected(serving, APPLICATION, rows) as (registry, store):
        started = perf_counter()
        learned = learn(registry, store, promote=True)
        seconds = perf_counter() - started
        assert learned.candidate is not None and learned.comparison is not None
        after = _figures(load_release(learned.candidate), unseen, golden)
    new = learned.comparison.new
    return {
        "corrections": len(cast(Review, learned.review).taken),
        **{f"{name}, before": value for name, value in before.items()},
        **{f"{name}, candidate": value for name, value in after.items()},
        "corrected texts, held out, before": new and new.before,
        "corrected texts, held out, candidate": new and new.after,
        "promoted": learned.promoted,
        "seconds": seconds,
    }


def _figures(
    classifier: Classifier, unseen: Sequence[Example], golden: Sequence[Example]
) -> dict[str, float]:
    sector = evaluate.summarise(evaluate.run(classifier, unseen))
    elsewhere = evaluate.summarise(evaluate.run(classifier, golden))
    return {
        "unseen texts of the sector, macro F1": sector["sentiment_macro_f1"],
        "elsewhere, macro F1": elsewhere["sentiment_macro_f1"],
        "elsewhere, topics, micro F1": elsewhere["topic_f1"],
    }


if __name__ == "__main__":
    main()
