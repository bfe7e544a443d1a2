"""A written year of news: which of its twelve surges are reported, and what else is.

python -m benchmarks.year                 every story read as it was written: the detector alone
python -m benchmarks.year --store var     as the release of that store reads it
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from apps.finance_monitor.backtest.outcome import LabelledEvent, Outcome, read_events
from apps.finance_monitor.backtest.replay import Replay
from apps.finance_monitor.cli import SAMPLES
from apps.finance_monitor.release import load_release
from apps.finance_monitor.schema import SENTIMENTS, FeedRecord, ScoredRecord, SentimentScore
from apps.finance_monitor.stories.classifying import Classifier
from apps.finance_monitor.surges.budget import parse_budget
from apps.finance_monitor.watch.running import Options
from benchmarks.harness import RESULTS, parser, report, start
from common.releases.registry import Registry

YEAR = SAMPLES / "year.jsonl"
BUDGETS = ("1 per 90d", "1 per 30d", "1 per 7d")
USUAL = "1 per 30d"


def main() -> None:
    """Replay the year under three budgets, and keep its figures beside those of the other case."""
    arguments = parser("alerts over a written year")
    arguments.add_argument("--store", type=Path, help="whose release reads the stories")
    chosen = arguments.parse_args()
    case = "as written" if chosen.store is None else "as read"
    if chosen.store is not None:
        start(chosen)
    events = read_events(SAMPLES / "year_calendar.jsonl")
    outcomes = _replay(chosen.store, events)
    path = RESULTS / "year.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    cases = {name: kept[name] for name in ("as written", "as read") if name in kept}
    report("year", {**cases, case: {str(one.budget): _figures(one) for one in outcomes}})


def _replay(store: Path | None, events: Sequence[LabelledEvent]) -> list[Outcome]:
    options = Options(USUAL, entities=SAMPLES / "entities.csv")
    listed = options.entity_list()
    with tempfile.TemporaryDirectory() as folder:
        if store is None:
            history, classifier = _as_written(Path(folder)), None
        else:
            history, classifier = YEAR, _classifier(store)
        topics = [] if classifier is None else classifier.topics
        replay = Replay(history, classifier, options.rules(), topics=topics, entities=listed)
        return [replay.under(parse_budget(budget), events) for budget in BUDGETS]


def _as_written(folder: Path) -> Path:
    """The year, scored with the sentiments that its stories were written with."""
    path = folder / "scored.jsonl"
    with YEAR.open(encoding="utf-8") as year, path.open("w", encoding="utf-8") as scored:
        for line in year:
            story: dict[str, Any] = json.loads(line)
            label = story.pop("sentiment")
            sure = {name: float(name == label) for name in SENTIMENTS}
            record = ScoredRecord(
                **FeedRecord(**story).model_dump(),
                sentiment=SentimentScore(label=label, probabilities=sure),
                release_id="as written",
            )
            scored.write(record.model_dump_json() + "\n")
    return path


def _classifier(store: Path) -> Classifier:
    return load_release(Registry(store, "finance_monitor").open())


def _figures(outcome: Outcome) -> dict[str, Any]:
    """What was reported; the promise is kept where there are no more false alarms than promised."""
    surges = [one for one in outcome.found if one.event.kind == "surge"]
    right = len(outcome.notified) - len(outcome.false_alarms)
    return {
        "alerts": len(outcome.notified),
        "precision": right / len(outcome.notified) if outcome.notified else None,
        "recall": len(outcome.detected) / len(surges),
        "false alarms per 30 days": len(outcome.false_alarms) * 30 / outcome.days,
        "median delay, hours": outcome.median_delay_hours,
        "missed": [one.event.name for one in surges if one.case is None],
    }


if __name__ == "__main__":
    main()
