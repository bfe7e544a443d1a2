"""From feed records to scored stories: known ids, companies, copies, then the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from apps.finance_monitor.schema import FeedRecord, ScoredRecord
from apps.finance_monitor.store import Store
from apps.finance_monitor.stories.companies import EntityList, companies_in
from apps.finance_monitor.stories.copies import Duplicates, Resemblance, signature_of
from apps.finance_monitor.stories.text import prepare
from apps.finance_monitor.targets.pointing import Span

if TYPE_CHECKING:
    from apps.finance_monitor.stories.classifying import Classifier

# For how long a like text counts as a copy, seconds.
DUPLICATE_WINDOW = 48 * 3600.0


@dataclass(frozen=True)
class Taken:
    """A scored story, and the signature by which its copies are found."""

    story: ScoredRecord
    signature: NDArray[np.uint32] | None


@dataclass
class _Seen:
    """A record on its way."""

    record: FeedRecord
    named: dict[str, list[Span]]
    signature: NDArray[np.uint32] | None
    resemblance: Resemblance


class Ingest:
    """Scores records in the order of the feed; a copy gets the score of its original.

    Args:
        classifier: None where the feed was scored elsewhere.
        store: knows the ids and the originals of before.
        now: event time where it goes on; `Ingest.now` of the run before.
    """

    def __init__(
        self,
        classifier: Classifier | None,
        entities: EntityList | None,
        store: Store,
        now: float | None = None,
    ) -> None:
        self.classifier = classifier
        self._entities = entities
        self._store = store
        self.now = now or 0.0
        self._duplicates = Duplicates(DUPLICATE_WINDOW)
        for known in store.originals_since(self.now - DUPLICATE_WINDOW) if now else ():
            self._duplicates.add(known.id, known.signature, known.published, known.entities)

    def take(self, records: Sequence[FeedRecord]) -> tuple[list[Taken], int]:
        """Scored stories, and how many records were left out because their id was known."""
        fresh = self._leave_known_out(records)
        seen = [self._look(record) for record in fresh]
        originals = [one for one in seen if one.resemblance.duplicate_of is None]
        scored = {story.id: story for story in self._score(originals)}
        taken = []
        for one in seen:
            story = scored.get(one.record.id) or self._copy(one, scored)
            scored[story.id] = story
            taken.append(Taken(story, one.signature))
        return taken, len(records) - len(fresh)

    def _leave_known_out(self, records: Sequence[FeedRecord]) -> list[FeedRecord]:
        known = self._store.known_ids([record.id for record in records])
        fresh = {record.id: record for record in reversed(records) if record.id not in known}
        return list(reversed(fresh.values()))

    def _look(self, record: FeedRecord) -> _Seen:
        text = prepare(record.content)
        named = companies_in(record, self._entities)
        signature = signature_of(text)
        time = record.published_at.timestamp()
        resemblance = self._duplicates.compare(signature, list(named))
        if resemblance.duplicate_of is None:
            self._duplicates.add(record.id, signature, time, list(named))
        # One record with a wrong date must not make all others be forgotten.
        self.now = max(self.now, min(time, self.now + 24 * 3600.0) if self.now else time)
        self._duplicates.forget_before(self.now)
        return _Seen(record, named, signature, resemblance)

    def _score(self, seen: Sequence[_Seen]) -> list[ScoredRecord]:
        if self.classifier is None:
            stories = [
                one.record.model_copy(update={"entities": list(one.named)})
                for one in seen
                if isinstance(one.record, ScoredRecord)
            ]
        else:
            stories = self.classifier.score(
                [one.record for one in seen], [one.named for one in seen]
            )
        return [
            story.model_copy(update={"novelty": one.resemblance.novelty})
            for story, one in zip(stories, seen, strict=True)
        ]

    def _copy(self, one: _Seen, scored: dict[str, ScoredRecord]) -> ScoredRecord:
        original_id = one.resemblance.duplicate_of
        assert original_id
        original = scored.get(original_id) or self._store.story(original_id)
        if original is None:
            # Forgotten meanwhile: then it is news again.
            return self._score([one])[0]
        known = {"sentiment", "topics", "targets", "release_id"}
        known |= {"decided_by", "routed_to", "shown_as"}
        return ScoredRecord(
            **one.record.model_dump(include=set(FeedRecord.model_fields) - {"entities"}),
            **original.model_dump(include=known),
            entities=list(one.named),
            duplicate_of=original_id,
            novelty=one.resemblance.novelty,
        )
