"""What is watched: the market as a whole, each topic, each company.

A key is written `market`, `topic/credit` or `company/Northgate Bank`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from apps.finance_monitor.schema import ScoredRecord, Sentiment, SentimentScore

MARKET = "market"
TOPIC = "topic"
COMPANY = "company"
# The wider the later: a wide alert may be explained by a narrower one.
_BREADTH = {COMPANY: 0, TOPIC: 1, MARKET: 2}


def keys_for(topics: Sequence[str], companies: Sequence[str]) -> list[str]:
    """All keys that are known beforehand."""
    return [MARKET, *(topic_key(t) for t in topics), *(company_key(c) for c in companies)]


def topic_key(topic: str) -> str:
    """The key of a topic."""
    return f"{TOPIC}/{topic}"


def company_key(company: str) -> str:
    """The key of a company."""
    return f"{COMPANY}/{company}"


def kind_of(key: str) -> str:
    """`market`, `topic` or `company`."""
    return key.partition("/")[0]


def name_of(key: str) -> str:
    """What a person calls it."""
    return key.partition("/")[2] or key


def breadth(key: str) -> int:
    """0 for a company, 1 for a topic, 2 for the market."""
    return _BREADTH[kind_of(key)]


def keys_of(story: ScoredRecord) -> dict[str, Sentiment | None]:
    """The keys that a story counts for, and its sentiment there; None: it is unsure."""
    names = [MARKET, *(topic_key(topic.name) for topic in story.topics)]
    names += [company_key(name) for name in story.entities]
    return {key: sentiment_on(story, key).label for key in names}


def sentiment_on(story: ScoredRecord, key: str) -> SentimentScore:
    """Of a company's key what the story says of the company, of another that of the text."""
    if kind_of(key) == COMPANY:
        return story.sentiment_towards(name_of(key))
    return story.sentiment


def negatives_of(story: ScoredRecord) -> Iterator[tuple[str, float]]:
    """The keys that a story is negative on, each with the probability; a copy counts for none."""
    if story.duplicate_of:
        return
    for key, sentiment in keys_of(story).items():
        if sentiment == "negative":
            yield key, round(sentiment_on(story, key).probabilities.get("negative", 0.0), 2)
