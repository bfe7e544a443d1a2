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
from apps.finance_monitor.stories.copies import Duplicates, said_in, signature_of, text_key
from apps.finance_monitor.stories.text import prepare
from apps.finance_monitor.targets.pointing import Span

if TYPE_CHECKING:
    from apps.finance_monitor.stories.classifying import Classifier

# For how long a like text counts as a copy, and a text that was read is not read again, seconds.
DUPLICATE_WINDOW = 48 * 3600.0


@dataclass(frozen=True)
class Taken:
    """A scored story, and by what its copies are found.

    Attributes:
        text_key: of a text that was read now, by which the next ones like it are found.
    """

    story: ScoredRecord
    signature: NDArray[np.uint32] | None
    text_key: str | None = None


@dataclass(frozen=True)
class _Seen:
    """A record on its way."""

    record: FeedRecord
    named: dict[str, list[Span]]
    text_key: str
    signature: NDArray[np.uint32] | None


class Ingest:
    """Scores records in the order of the feed; a text that was read before is not read again.

    Args:
        classifier: None where the feed was scored elsewhere; its records stay as they came.
        store: knows the ids, the texts and the originals of before.
        now: event time where it goes on; `Ingest.now` of the run before.
        every: records whose id is known are taken, too.
    """

    def __init__(
        self,
        classifier: Classifier | None,
        entities: EntityList | None,
        store: Store,
        now: float | None = None,
        *,
        every: bool = False,
    ) -> None:
        self.classifier = classifier
        self.entities = entities
        self._store = store
        self._every = every
        self.now = now or 0.0
        self._duplicates = Duplicates(DUPLICATE_WINDOW)
        for one in store.originals_since(self.now - DUPLICATE_WINDOW) if now else ():
            self._duplicates.add(one.id, one.signature, one.published, one.entities, one.said)

    def take(self, records: Sequence[FeedRecord]) -> tuple[list[Taken], int]:
        """Scored stories, and how many records were left out because their id was known."""
        fresh = records if self._every else self._leave_known_out(records)
        read_by = self._read_by()
        seen = [self._look(record, read_by) for record in fresh]
        if seen and not self.now:
            # The first record may be the one with a wrong date.
            times = sorted(one.record.published_at.timestamp() for one in seen)
            self.now = times[(len(times) - 1) // 2]
        read, keys = self._read(seen) if self.classifier else (_as_they_came(seen), {})
        stories = [self._compare(*pair) for pair in zip(seen, read, strict=True)]
        taken = [
            Taken(story, one.signature, keys.get(story.id))
            for story, one in zip(stories, seen, strict=True)
        ]
        return taken, len(records) - len(fresh)

    def _read_by(self) -> list[str]:
        if self.classifier is None:
            return []
        rules = self.classifier.rules
        return [self.classifier.release_id, rules.current.model_dump_json() if rules else ""]

    def _leave_known_out(self, records: Sequence[FeedRecord]) -> list[FeedRecord]:
        known = self._store.known_ids([record.id for record in records])
        fresh = {record.id: record for record in reversed(records) if record.id not in known}
        return list(reversed(fresh.values()))

    def _look(self, record: FeedRecord, read_by: Sequence[str]) -> _Seen:
        text = prepare(record.content)
        named = companies_in(record, self.entities)
        return _Seen(record, named, text_key(text, list(named), read_by), signature_of(text))

    def _read(self, seen: Sequence[_Seen]) -> tuple[list[ScoredRecord], dict[str, str]]:
        """Each as it, or one with its text, was read; and by id the keys of those read now."""
        first = {one.text_key: one for one in reversed(seen)}
        read = self._read_before([*first])
        unread = [one for key, one in first.items() if key not in read]
        fresh = zip(unread, self._score(unread), strict=True)
        read |= {one.text_key: story for one, story in fresh}
        keys = {one.record.id: one.text_key for one in unread}
        return [_read_as(one, read[one.text_key]) for one in seen], keys

    def _read_before(self, keys: Sequence[str]) -> dict[str, ScoredRecord]:
        found = self._store.same_texts(keys, self.now - DUPLICATE_WINDOW)
        stories = {key: self._store.story(identity) for key, identity in found.items()}
        return {key: story for key, story in stories.items() if story}

    def _score(self, seen: Sequence[_Seen]) -> list[ScoredRecord]:
        assert self.classifier
        return self.classifier.score([one.record for one in seen], [one.named for one in seen])

    def _compare(self, one: _Seen, story: ScoredRecord) -> ScoredRecord:
        time, named, said = story.published_at.timestamp(), list(one.named), said_in(story)
        found = self._duplicates.compare(one.signature, named, said)
        if found.duplicate_of is None:
            self._duplicates.add(story.id, one.signature, time, named, said)
        # One record with a wrong date must not make all others be forgotten.
        self.now = max(self.now, min(time, self.now + 24 * 3600.0))
        self._duplicates.forget_before(self.now)
        update = {"duplicate_of": found.duplicate_of, "novelty": found.novelty}
        return story.model_copy(update=update)


def _as_they_came(seen: Sequence[_Seen]) -> list[ScoredRecord]:
    return [
        one.record.model_copy(update={"entities": list(one.named)})
        for one in seen
        if isinstance(one.record, ScoredRecord)
    ]


def _read_as(one: _Seen, story: ScoredRecord) -> ScoredRecord:
    """The record with what another one with the same text was read as."""
    if story.id == one.record.id:
        return story.model_copy(update={"entities": list(one.named)})
    read = {"sentiment", "topics", "targets", "release_id", "decided_by", "routed_to", "shown_as"}
    return ScoredRecord(
        **one.record.model_dump(include=set(FeedRecord.model_fields) - {"entities"}),
        **story.model_dump(include=read),
        entities=list(one.named),
    )
