"""From what people said of stories to examples."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from apps.finance_monitor.data import Example
from apps.finance_monitor.learning.lessons import Lessons, facets, plain_texts, spelled
from apps.finance_monitor.schema import SENTIMENT_NAMES, SENTIMENTS
from apps.finance_monitor.stories import text as spelling
from apps.finance_monitor.targets.pointing import occurrences, point_at
from common.errors import UserError
from common.learning.review import Correction, LeftOut
from common.learning.schema import Feedback
from common.records.personal import prepare
from common.records.text import fold, normalise

LABELS = ("sentiment", "topics", "target")
OF_COMPANY = ("entity", "target", "mentions")


def corrected_text(content: str) -> str:
    """A story as it is kept: spelled as the model reads it, personal data masked."""
    return prepare(spelling.prepare(content))


def example_of(text: str, wanted: Mapping[str, Any]) -> Example:
    """What a correction teaches: of the text, or of the company that it names as `entity`."""
    read = spelling.prepare(text)
    if company := normalise(str(wanted.get("entity") or "")):
        called = str(wanted.get("mentions") or company).split("|")
        named = {company: occurrences(read, map(normalise, called))}
        return Example(point_at(read, company, named), target=_label(wanted.get("target")))
    topics = wanted.get("topics")
    if isinstance(topics, str):
        topics = [name.strip() for name in topics.replace("|", ",").split(",") if name.strip()]
    return Example(
        read,
        _label(wanted.get("sentiment")),
        None if topics is None else tuple(sorted(topics)),
    )


def _label(given: object) -> str | None:
    name = str(given).strip().lower() if given else None
    return SENTIMENT_NAMES.get(name, name) if name else None


def about(wanted: Mapping[str, Any]) -> str:
    """Which labels a correction gives: one of the sentiment contradicts none of the topics.

    Nor does one of a company contradict one of another.
    """
    labels = [name for name in LABELS if wanted.get(name) is not None]
    return "+".join([*labels, *([str(wanted["entity"])] if wanted.get("entity") else [])])


def claim(wanted: Mapping[str, Any]) -> tuple[object, ...]:
    """What it comes to, however it is written and whatever else the text calls a company."""
    taught = example_of("", wanted)
    return taught.sentiment, taught.topics, taught.target


def parts_of(wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What one row says of the text, and of a company, each by itself.

    Raises:
        UserError: it names a company without its sentiment, or the other way round.
    """
    of_company = {name: value for name, value in wanted.items() if name in OF_COMPANY}
    if of_company and not (wanted.get("entity") and wanted.get("target")):
        raise UserError(
            f"{', '.join(of_company)} without {_missing(of_company)}",
            hint="`entity` is the company, and `target` its sentiment.",
        )
    of_text = {name: value for name, value in wanted.items() if name not in OF_COMPANY}
    return [part for part in (of_text, of_company) if part]


def _missing(of_company: Mapping[str, Any]) -> str:
    return " and ".join(name for name in ("entity", "target") if not of_company.get(name))


def split_known(
    rows: Sequence[Feedback],
    lessons: Lessons,
    topics: Collection[str],
    *,
    has_sentiment: bool,
    has_targets: bool,
    tickers: Mapping[str, str] = MappingProxyType({}),
) -> tuple[list[Feedback], list[str], list[LeftOut]]:
    """Rows to decide on; ids of those that are learned already; rows that cannot be learned.

    A text that candidates are measured on is never learned from.

    Args:
        topics: those that the release tells apart.
        has_sentiment: it tells sentiments apart, too.
        has_targets: it tells sentiments towards companies apart.
        tickers: by which it, and `lessons`, spell a text.
    """
    known = {_taught(one) for one in facets(lessons.train)}
    held_out = (*lessons.validation, *lessons.test)
    measured = {fold(text) for one in held_out for text in plain_texts(one)}
    open_rows, learned, out = [], [], []
    for row in rows:
        example = example_of(row.text, row.wanted)
        parts = facets(spelled([example], tickers))
        if parts and all(_taught(part) in known for part in parts):
            learned.append(row.id)
        elif reason := _unusable(example, topics, has_sentiment, has_targets):
            out.append(LeftOut(row.id, row.text, reason))
        elif fold(spelling.spell_tickers(spelling.prepare(row.text), tickers)) in measured:
            out.append(LeftOut(row.id, row.text, "candidates are measured on this text"))
        else:
            open_rows.append(row)
    return open_rows, learned, out


def to_examples(corrections: Sequence[Correction]) -> list[Example]:
    """What all corrections teach."""
    return [example_of(one.text, one.wanted) for one in corrections]


def _taught(label: Example) -> tuple[object, ...]:
    topics = label.topics and tuple(sorted(label.topics))
    return fold(label.text), label.sentiment, topics, label.target


def _unusable(
    example: Example, topics: Collection[str], has_sentiment: bool, has_targets: bool
) -> str | None:
    label = example.sentiment or example.target
    if label is None and example.topics is None:
        return "names neither sentiment nor topics, nor a company and its sentiment"
    if example.sentiment is not None and not has_sentiment:
        return "the release knows no sentiment: run `train` with texts that have one"
    if example.target is not None and not has_targets:
        return "the release judges no companies: run `train` with texts that have targets"
    if label is not None and label not in SENTIMENTS:
        return f"there is no sentiment {label!r}"
    unknown = [name for name in example.topics or () if name not in topics]
    if unknown:
        return f"the release knows no topic {unknown[0]!r}: run `train` with texts of it"
    return None
