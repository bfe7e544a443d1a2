"""Stories by their words, company, topic, sentiment and time."""

from __future__ import annotations

import re
from datetime import datetime

from pydantic import BaseModel

from apps.finance_monitor.schema import ScoredRecord, Sentiment
from apps.finance_monitor.state.dialect import Dialect
from apps.finance_monitor.state.tables import folded
from apps.finance_monitor.store import Store
from apps.finance_monitor.watchlists.watchlist import Watchlist

# As keyboards of either language write quotes.
QUOTES = str.maketrans(dict.fromkeys("“”„«»「」『』＂", '"'))
PARTS = re.compile(r'"([^"]*\S[^"]*)"|(\S+)')
READ_TOGETHER = 500
ESCAPED = str.maketrans({one: f"\\{one}" for one in "\\%_"})


class StoryQuery(BaseModel):
    """What is looked for; what is None is not asked.

    Attributes:
        q: words that the text holds, in any order and case; `"in quotes"`: next to each other.
        sentiment: towards the company, or towards one of the watchlist, where one is asked for.
        begin, end: published from then on, and before then.
    """

    q: str | None = None
    company: str | None = None
    topic: str | None = None
    sentiment: Sentiment | None = None
    begin: datetime | None = None
    end: datetime | None = None


def search(
    store: Store, query: StoryQuery, limit: int, watchlist: Watchlist | None = None
) -> list[ScoredRecord]:
    """Stories that all of it is true of, those that came last first."""
    conditions, values = _conditions(query, watchlist, store.sql)
    # The folded texts are narrow, and stand in the order they came: the join begins there.
    tables = "folded f CROSS JOIN stories s" if query.q else "stories s"
    joined = "f.sequence = s.sequence AND f.sequence < ?" if query.q else "s.sequence < ?"
    order = "f.sequence" if query.q else "s.sequence"
    found: list[ScoredRecord] = []
    last = store.last_sequence() + 1
    while len(found) < limit:
        rows = store.rows_beside(
            f"SELECT s.sequence, s.content FROM {tables} WHERE {joined}{conditions}"
            f" ORDER BY {order} DESC LIMIT ?",
            last,
            *values,
            READ_TOGETHER if watchlist else limit,
        )
        stories = [ScoredRecord.model_validate_json(row["content"]) for row in rows]
        found += [one for one in stories if watchlist is None or _is_for(watchlist, one, query)]
        if not rows or watchlist is None:
            break
        last = rows[-1]["sequence"]
    return found[:limit]


def _is_for(watchlist: Watchlist, story: ScoredRecord, query: StoryQuery) -> bool:
    if not watchlist.concerns(story) or query.sentiment is None or query.company:
        return watchlist.concerns(story)
    scores = story.sentiments_for(watchlist.companies)
    return any(score.label == query.sentiment for score in scores)


def _conditions(
    query: StoryQuery, watchlist: Watchlist | None, sql: Dialect
) -> tuple[str, list[object]]:
    asked: list[tuple[str, *tuple[object, ...]]] = []
    label = sql.text_at("s.content", "sentiment.label")
    if query.q:
        looked_for = [phrase or word for phrase, word in PARTS.findall(query.q.translate(QUOTES))]
        asked += [("f.text LIKE ? ESCAPE '\\'", _within(one)) for one in looked_for]
    if query.company:
        asked.append(
            (f"? IN (SELECT value FROM {sql.each_text('s.entities', 'e')})", query.company)
        )
    if query.topic:
        name, topics = sql.text_at("t.value", "name"), sql.each("s.content", "topics", "t")
        asked.append((f"? IN (SELECT {name} FROM {topics})", query.topic))
    if query.sentiment and query.company:
        asked.append((f"{_towards_company(sql)} = ?", query.company, query.sentiment))
    elif query.sentiment and watchlist is None:
        asked.append((f"{label} = ?", query.sentiment))
    if query.begin:
        asked.append(("s.published >= ?", query.begin.timestamp()))
    if query.end:
        asked.append(("s.published < ?", query.end.timestamp()))
    return "".join(f" AND {condition}" for condition, *_ in asked), [
        value for _, *some in asked for value in some
    ]


def _within(words: str) -> str:
    """The pattern of a text that holds these words."""
    return f"%{folded(words).translate(ESCAPED)}%"


def _towards_company(sql: Dialect) -> str:
    """What is said of a company, "" where the model abstains; of the text, if not judged apart."""
    said, company = (sql.text_at("t.value", name) for name in ("sentiment", "entity"))
    targets, of_all = sql.each("s.content", "targets", "t"), ("s.content", "sentiment.label")
    found = f"SELECT coalesce({said}, '') FROM {targets} WHERE {company} = ? LIMIT 1"
    return f"coalesce(({found}), {sql.text_at(*of_all)})"
