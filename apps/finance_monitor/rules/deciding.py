"""What rules make of a scored story."""

from __future__ import annotations

from collections.abc import Sequence

from apps.finance_monitor.rules.schema import StoryRule, StoryRules
from apps.finance_monitor.schema import ScoredRecord, Sentiment, TopicScore
from common.records.text import language_of
from common.rules.rule import decided_by


def apply_rules(rules: StoryRules, story: ScoredRecord) -> ScoredRecord:
    """The story with what the rules decide of it; the model's probabilities stay as they are.

    What it says of each of several companies stays the model's, too: a rule goes by the words of
    the whole text, and does not know which of them is meant.
    """
    language = language_of(story.content)
    applying = rules.applying(story.content, {"language": language})
    label, decided = _sentiment(applying, story)
    topics, by_topic = _topics(applying, story.topics)
    route = next((rule for rule in applying if rule.action == "route"), None)
    found = {
        "sentiment": story.sentiment.model_copy(update={"label": label}),
        "topics": topics,
        "routed_to": route and route.to,
        "decided_by": decided_by([*decided, *by_topic, *([route] if route else [])]),
    }
    names = [name for name in (label, *(topic.name for topic in topics)) if name]
    found["shown_as"] = rules.shown_as(names, language)
    return story.model_copy(update=found)


def _sentiment(
    applying: Sequence[StoryRule], story: ScoredRecord
) -> tuple[Sentiment | None, list[StoryRule]]:
    """The label, and the rules by which it is not the model's: the first that forces one."""
    forbidden: dict[str, StoryRule] = {}
    for rule in applying:
        if rule.sentiment is None:
            continue
        if rule.action == "forbid":
            forbidden.setdefault(rule.sentiment, rule)
        elif rule.sentiment not in forbidden:
            return rule.sentiment, [rule]
    label = story.sentiment.label
    if label not in forbidden:
        return label, []
    left = {n: p for n, p in story.sentiment.probabilities.items() if n not in forbidden}
    return max(left, key=lambda name: left[name], default=None), [forbidden[label]]


def _topics(
    applying: Sequence[StoryRule], topics: Sequence[TopicScore]
) -> tuple[list[TopicScore], list[StoryRule]]:
    """The topics, those that are forced first; for each, the first rule that names it decides."""
    first: dict[str, StoryRule] = {}
    for rule in applying:
        if rule.topic is not None:
            first.setdefault(rule.topic, rule)
    forced = [TopicScore(name=n, probability=1.0) for n, r in first.items() if r.action == "force"]
    left = [topic for topic in topics if topic.name not in first]
    gone = {topic.name for topic in topics}
    decided = [rule for name, rule in first.items() if rule.action == "force" or name in gone]
    return [*forced, *left], decided
