"""Stories by their words, company, topic, sentiment and time."""

from __future__ import annotations

import re
from datetime import datetime

from pydantic import BaseModel

from apps.finance_monitor.schema import ScoredRecord, Sentiment
from apps.finance_monitor.store import Store
from apps.finance_monitor.watchlists.watchlist import Watchlist
from common.records.text import searchable

TEXT = " || ' ' || ".join(
    f"coalesce(json_extract(s.content, '$.{name}'), '')" for name in ("title", "text", "body")
)
OF_COMPANY = "EXISTS (SELECT 1 FROM json_each(s.entities) WHERE value = ?)"
OF_TOPIC = (
    "EXISTS (SELECT 1 FROM json_each(s.content, '$.topics')"
    " WHERE json_extract(value, '$.name') = ?)"
)
# What is said of a company, "" where the model abstains; of the text, if it was not judged apart.
TOWARDS_COMPANY = (
    "coalesce((SELECT coalesce(json_extract(value, '$.sentiment'), '')"
    " FROM json_each(s.content, '$.targets') WHERE json_extract(value, '$.entity') = ?),"
    " json_extract(s.content, '$.sentiment.label'))"
)
# As keyboards of either language write quotes.
QUOTES = str.maketrans(dict.fromkeys("“”„«»「」『』＂", '"'))
PARTS = re.compile(r'"([^"]*\S[^"]*)"|(\S+)')
READ_TOGETHER = 500


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
    conditions, values = _conditions(query, watchlist)
    found: list[ScoredRecord] = []
    last = store.last_sequence() + 1
    while len(found) < limit:
        rows = store.rows_beside(
            f"SELECT s.sequence, s.content FROM stories s WHERE s.sequence < ?{conditions}"
            " ORDER BY s.sequence DESC LIMIT ?",
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


def _conditions(query: StoryQuery, watchlist: Watchlist | None) -> tuple[str, list[object]]:
    asked: list[tuple[str, *tuple[object, ...]]] = []
    if query.q:
        looked_for = [phrase or word for phrase, word in PARTS.findall(query.q.translate(QUOTES))]
        # SQLite's own lower() knows the letters of ASCII alone.
        asked += [(f"instr(searchable({TEXT}), ?) > 0", searchable(one)) for one in looked_for]
    if query.company:
        asked.append((OF_COMPANY, query.company))
    if query.topic:
        asked.append((OF_TOPIC, query.topic))
    if query.sentiment and query.company:
        asked.append((f"{TOWARDS_COMPANY} = ?", query.company, query.sentiment))
    elif query.sentiment and watchlist is None:
        asked.append(("json_extract(s.content, '$.sentiment.label') = ?", query.sentiment))
    if query.begin:
        asked.append(("s.published >= ?", query.begin.timestamp()))
    if query.end:
        asked.append(("s.published < ?", query.end.timestamp()))
    return "".join(f" AND {condition}" for condition, *_ in asked), [
        value for _, *some in asked for value in some
    ]
