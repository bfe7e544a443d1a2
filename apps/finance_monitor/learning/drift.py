"""What is watched of stories, and what is usual of them.

Not what they are about, nor how: on a bad day there is more negative news, and the release is none
the worse for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from apps.finance_monitor import evaluate
from apps.finance_monitor.learning.lessons import LESSONS, load_lessons
from apps.finance_monitor.schema import ScoredRecord
from apps.finance_monitor.store import Store
from apps.finance_monitor.stories import text as spelling
from apps.finance_monitor.stories.classifying import Classifier
from common.learning.watching.drift import RUN, Figures, Watched, by_name
from common.records.fields import content_hash
from common.records.text import language_of, words
from common.releases.registry import Registry

LANGUAGES = ("en", "zh", "other")
# They are read once for each release, beside the news: a few seconds on a CPU.
MOST_MEASURED = 300


def watched(
    registry: Registry, store: Store, release_id: str, classifier: Classifier
) -> Watched | None:
    """The stories that a release scored, beside the texts that it was measured on.

    Returns:
        None for a release that does not hold those.
    """
    release = registry.open(release_id)
    if not (release.directory / LESSONS).exists():
        return None
    lessons = load_lessons(release)
    vocabulary = {word for one in lessons.train for word in words(one.text)}
    golden = list({one.text: one for one in lessons.golden if one.target is None}.values())
    some = golden[:: -(-len(golden) // MOST_MEASURED) or 1]
    usual = [
        figures(
            outcome.example.text,
            None if outcome.probabilities is None else outcome.confidence,
            vocabulary,
        )
        for outcome in evaluate.run(classifier, some)
    ]
    scored = Scored(store, release_id)

    def new() -> Iterator[tuple[str, Figures]]:
        for story in scored.new():
            known = story.sentiment.probabilities.values()
            # As the texts of the release, which are read with companies' names for tickers.
            text = spelling.spell_tickers(spelling.prepare(story.content), classifier.tickers)
            yield story.id, figures(text, max(known, default=None), vocabulary)

    return Watched(by_name(usual), new)


class Scored:
    """The stories of one release, the last ones first of all, each text once among `RUN`."""

    def __init__(self, store: Store, release_id: str) -> None:
        self._store = store
        self._release_id = release_id
        self._last: int | None = None
        self._seen: dict[str, None] = {}

    def new(self) -> Iterator[ScoredRecord]:
        """Those that came since; copies say nothing new."""
        if self._last is None:
            self._last = max(0, self._store.last_sequence() - RUN)
        while rows := self._store.stories_after(self._last):
            self._last = rows[-1][0]
            for _, story in rows:
                text = content_hash(story.content)
                is_own = story.release_id == self._release_id and not story.duplicate_of
                if is_own and text not in self._seen:
                    self._seen[text] = None
                    if len(self._seen) > RUN:
                        del self._seen[next(iter(self._seen))]
                    yield story


def figures(text: str, confidence: float | None, vocabulary: Collection[str]) -> dict[str, float]:
    """What is watched, by name.

    Args:
        text: as the model reads it.
        vocabulary: words of the texts that the release learned from.
    """
    used = words(text)
    found = {
        "length": float(len(text)),
        "language": float(LANGUAGES.index(language_of(text))),
        "unknown words": sum(word not in vocabulary for word in used) / max(len(used), 1),
    }
    if confidence is not None:
        found["confidence"] = round(confidence, 4)
    return found
