"""The stories that came in last, put to a candidate."""

from __future__ import annotations

from datetime import timedelta

from apps.finance_monitor import evaluate
from apps.finance_monitor.data import Example
from apps.finance_monitor.learning.corrections import corrected_text
from apps.finance_monitor.schema import ScoredRecord
from apps.finance_monitor.state.opening import Place, has_run
from apps.finance_monitor.store import Store
from apps.finance_monitor.stories.classifying import Classifier
from apps.finance_monitor.stories.text import spell_tickers
from common.console import say
from common.learning.watching.shadow import MOST_ASKED, Shadow, compare_answers


def read_again(candidate: Classifier, place: Place, serving_id: str, period: timedelta) -> Shadow:
    """What the serving release saw in them beside what the candidate sees.

    Args:
        place: where a watch keeps its stories.
        period: before the last story.
    """
    stories = _latest(place, period)
    seen = [story for story in stories if story.release_id == serving_id]
    say(f"Reading {len(seen):,} stories of the last {period} again")
    texts = [corrected_text(story.content) for story in seen]
    examples = [Example(spell_tickers(text, candidate.tickers)) for text in texts]
    outcomes = evaluate.run(candidate, examples)
    return compare_answers(
        texts,
        [_said(s.sentiment.label, [topic.name for topic in s.topics]) for s in seen],
        # Where the watch would not say, the candidate is not asked.
        [
            _said(one.found if story.sentiment.label else None, one.topics)
            for story, one in zip(seen, outcomes, strict=True)
        ],
    )


def _latest(place: Place, period: timedelta) -> list[ScoredRecord]:
    if not has_run(place):
        return []
    store = Store(place)
    try:
        found = store.latest_stories(MOST_ASKED)
    finally:
        store.close()
    last = max((story.published_at for story in found), default=None)
    return [story for story in found if last and story.published_at >= last - period]


def _said(sentiment: str | None, topics: list[str]) -> str:
    return ", ".join([sentiment or "–", *sorted(topics)])
