"""From a text to its sentiment and topics: the path that `watch`, `score` and the server share."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from apps.finance_monitor.direction.weighing import TOWARDS, Direction
from apps.finance_monitor.rules.deciding import apply_rules
from apps.finance_monitor.rules.schema import StoryRules
from apps.finance_monitor.schema import (
    SENTIMENTS,
    FeedRecord,
    ScoredRecord,
    SentimentScore,
    TargetScore,
    TopicScore,
)
from apps.finance_monitor.stories.companies import companies_in
from apps.finance_monitor.stories.network import Network
from apps.finance_monitor.stories.text import LINK, prepare, spell_tickers
from apps.finance_monitor.targets.pointing import Span, point_at, whole
from common.records.text import CHINESE, words
from common.rules.live import LiveRules

if TYPE_CHECKING:
    from apps.finance_monitor.stories.news_model import NewsModel
    from common.models.encoder import Encoder

NEGATIVE = SENTIMENTS.index("negative")
# Of releases that chose no probability of their own below which no label is named.
ABSTAIN_BELOW = 0.45
TOPIC_FROM = 0.5
WORDS_SHOWN = 3
# In log odds: of a text that is surely negative, no word alone changes the probability much.
LEAST_DROP = 0.2
# Leaving out one word after the other costs a pass each.
MOST_WORDS_TRIED = 40


@dataclass(frozen=True)
class Reading:
    """Probabilities of one text: [3] in the order of `SENTIMENTS`, and of each topic."""

    sentiment: NDArray[np.float64] | None
    topics: NDArray[np.float64] | None
    target: NDArray[np.float64] | None


@dataclass(frozen=True)
class Classifier:
    """A loaded release, and the rules of the business over it.

    `tickers` are those whose companies' names it learned to read for them. Of `sentiment` and of
    `target`, `abstain_below` has the probability below which no label is named. `direction` has
    the words that say whether a text is good or bad; None: the model alone says it.
    """

    release_id: str
    network: Network
    topics: list[str]
    temperatures: dict[str, float] = field(default_factory=dict)
    abstain_below: dict[str, float] = field(default_factory=dict)
    baseline: dict[str, float] = field(default_factory=dict)
    tickers: dict[str, str] = field(default_factory=dict)
    direction: Direction | None = None
    rules: LiveRules[StoryRules] | None = None

    @property
    def module(self) -> NewsModel:
        """What was trained, which is loaded now if it was not."""
        return self.network.trained.module

    @property
    def backbone(self) -> Encoder:
        """The encoder of what was trained."""
        return self.network.trained.backbone

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """Calibrated probabilities of prepared `texts`, in one pass."""
        spelled = [spell_tickers(text, self.tickers) for text in texts]
        outputs: dict[str, NDArray[np.floating]] = {**self.network.outputs(spelled)}
        for towards in TOWARDS if self.direction else ():
            name = f"{towards}_logits"
            if self.direction and name in outputs:
                outputs[name] = self.direction.bend(outputs[name], spelled, towards)
        divide = partial(self._probabilities, outputs)
        columns = [divide(name) for name in ("sentiment", "topic", "target")]
        return [
            Reading(*(None if column is None else column[i] for column in columns))
            for i in range(len(texts))
        ]

    def _probabilities(
        self, outputs: Mapping[str, NDArray[np.floating]], name: str
    ) -> NDArray[np.float64] | None:
        logits = outputs.get(f"{name}_logits")
        if logits is None:
            return None
        scaled = logits.astype(np.float64) / self.temperatures.get(name, 1.0)
        several = name == "topic" and self.network.has_many_topics
        return np.asarray(expit(scaled) if several else softmax(scaled, axis=-1))

    def score(
        self,
        records: Sequence[FeedRecord],
        named: Sequence[Mapping[str, Sequence[Span]]] | None = None,
    ) -> list[ScoredRecord]:
        """Label feed records.

        Args:
            named: of each record, the companies that it names, and where, as `companies_in` has
                them; of several, the model is asked about each, if it learned to. None: those that
                it came with.
        """
        texts = [prepare(record.content) for record in records]
        if named is None:
            named = [companies_in(record, None) for record in records]
        readings = self.read(texts) if texts else []
        targets = self._targets(texts, named)
        stories = [
            ScoredRecord(
                **record.model_dump(exclude={"entities"}),
                entities=list(names),
                sentiment=self.sentiment_score(reading),
                topics=self._topic_scores(reading),
                targets=found,
                release_id=self.release_id,
            )
            for record, names, reading, found in zip(records, named, readings, targets, strict=True)
        ]
        decided = self._ruled(stories) if self.rules else stories
        return [_with_only_target(one) for one in decided] if self.network.has_targets else decided

    def _ruled(self, stories: Sequence[ScoredRecord]) -> list[ScoredRecord]:
        assert self.rules
        ruled = [apply_rules(self.rules.current, story) for story in stories]
        decided = [story.decided_by for story in ruled if story.decided_by]
        self.rules.count(name for one in decided for name in one.rules)
        return ruled

    def _topic_scores(self, reading: Reading) -> list[TopicScore]:
        if reading.topics is None:
            return []
        ranked = sorted(zip(self.topics, reading.topics.tolist(), strict=True), key=lambda p: -p[1])
        return [
            TopicScore(name=name, probability=round(p, 4)) for name, p in ranked if p >= TOPIC_FROM
        ]

    def judges(self, named: Collection[str]) -> bool:
        """Whether each of these companies of a text is asked about.

        What a text says of the only company that it names is its own sentiment, if there is one.
        """
        fewest = 2 if self.network.has_sentiment else 1
        return self.network.has_targets and len(named) >= fewest

    def _targets(
        self, texts: Sequence[str], named: Sequence[Mapping[str, Sequence[Span]]]
    ) -> list[list[TargetScore]]:
        found: list[list[TargetScore]] = [[] for _ in texts]
        asked = [(i, name) for i, names in enumerate(named) if self.judges(names) for name in names]
        if not asked:
            return found
        pointed = [point_at(texts[i], name, named[i]) for i, name in asked]
        for (i, name), reading in zip(asked, self.read(pointed), strict=True):
            found[i].append(_target(name, self.target_score(reading)))
        return found

    def sentiment_score(self, reading: Reading) -> SentimentScore:
        """The label of a text, or none where the model is in two minds."""
        return self._decided("sentiment", reading.sentiment)

    def target_score(self, reading: Reading) -> SentimentScore:
        """The same of a company, from the reading of a text in which it is pointed at."""
        return self._decided("target", reading.target)

    def is_sure(self, name: str, confidence: float) -> bool:
        """Whether a label of `sentiment` or `target` with this probability is named."""
        return confidence >= self.abstain_below.get(name, ABSTAIN_BELOW)

    def _decided(self, name: str, shares: NDArray[np.float64] | None) -> SentimentScore:
        if shares is None:
            return SentimentScore(label=None, probabilities={})
        best = int(shares.argmax())
        return SentimentScore(
            label=SENTIMENTS[best] if self.is_sure(name, shares[best]) else None,
            probabilities={
                label: round(share, 4)
                for label, share in zip(SENTIMENTS, shares.tolist(), strict=True)
            },
        )

    def negative_words(
        self,
        text: str,
        company: str | None = None,
        named: Mapping[str, Sequence[Span]] = MappingProxyType({}),
    ) -> list[str]:
        """The words without which the text is least negative (Zeiler & Fergus 2014, occlusion).

        Args:
            company: for which it is negative; None: as a whole.
            named: the companies of the text, as `companies_in` has them.
        """
        prepared = prepare(text)
        if company is not None and company in named and self.judges(named):
            called = [prepared[start:end] for start, end in named[company]]
            pointed = point_at(prepared, company, named)
            return self._weigh_words(pointed, called, lambda reading: reading.target)
        if not self.network.has_sentiment:
            return []
        return self._weigh_words(prepared, (), lambda reading: reading.sentiment)

    def _weigh_words(
        self,
        read: str,
        called: Sequence[str],
        shares_of: Callable[[Reading], NDArray[np.float64] | None],
    ) -> list[str]:
        """Those of a prepared text, but for what the company is `called`: that is no reason."""
        own = {word for name in called for word in words(name)}
        tried = [
            word
            for word in dict.fromkeys(words(read))
            if _carries_meaning(word) and word not in own
        ][:MOST_WORDS_TRIED]
        if not tried:
            return []
        lowered = read.lower()
        readings = self.read([read, *(re.sub(whole(word), " ", lowered) for word in tried)])
        shares = [shares_of(reading) for reading in readings]
        odds = [_log_odds(some[NEGATIVE]) for some in shares if some is not None]
        as_it_is, without = odds[0], odds[1:]
        drops = sorted(zip(tried, without, strict=True), key=lambda pair: pair[1])
        return [word for word, left in drops[:WORDS_SHOWN] if left < as_it_is - LEAST_DROP]


def _with_only_target(story: ScoredRecord) -> ScoredRecord:
    """What is said of the only company of a story, after its rules."""
    judged = story.targets[0].probabilities if story.targets else None
    # A release that knows no sentiment of texts judges the company; a rule may know better.
    if len(story.entities) != 1 or (judged and story.sentiment.label is None):
        return story
    score = SentimentScore(
        label=story.sentiment.label, probabilities=judged or story.sentiment.probabilities
    )
    return story.model_copy(update={"targets": [_target(story.entities[0], score)]})


def _target(company: str, score: SentimentScore) -> TargetScore:
    return TargetScore(entity=company, sentiment=score.label, probabilities=score.probabilities)


def _log_odds(probability: float) -> float:
    return math.log(max(probability, 1e-9) / max(1 - probability, 1e-9))


def _carries_meaning(word: str) -> bool:
    return word != LINK and len(word) > (1 if CHINESE.search(word) else 2)
