"""Tables of FAQs, row by row: a row that makes none is told, and the others are taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, islice

from apps.customer_service.importing.dialogues.reading import ROWS_LOOKED_AT
from apps.customer_service.importing.schema import Rejected, Source
from apps.customer_service.importing.sources import faq_columns
from apps.customer_service.knowledge.schema import LONGEST_ID
from apps.customer_service.schema import LONGEST_ANSWER, LONGEST_QUESTION, Faq
from common.console import say
from common.errors import UserError
from common.records.archives import MOST_ROWS
from common.records.columns import guessed
from common.records.reader import BadRowError, parse_row
from common.records.rows import Broken, iterate_rows
from common.records.spoken.language import language_of_both


def read_faqs(source: Source, mapping: Mapping[str, str]) -> Iterator[Faq | Rejected]:
    """The FAQs of a table.

    Raises:
        UserError: it cannot be read, lacks a column, or has more than `MOST_ROWS` rows.
    """
    rows = iterate_rows(source.path, most=MOST_ROWS)
    head = list(islice(rows, ROWS_LOOKED_AT))
    names = list(dict.fromkeys(n for _, row in head if isinstance(row, dict) for n in row))
    columns = faq_columns(names, mapping)
    for name in ("question", "answer"):
        if name not in columns:
            raise UserError(
                f"missing column {name!r}",
                where=str(source.path),
                hint=f"Name your column: --map {name}=COLUMN (columns: {', '.join(names)})",
            )
    if said := guessed(columns, mapping):
        say(f"{source.path}: read {said}")
    for place, row in chain(head, rows):
        if isinstance(row, Broken):
            yield Rejected(place, row.reason, str(row.content))
            continue
        try:
            faq = parse_row(Faq, row, columns)
        except BadRowError as error:
            yield Rejected(place, str(error), str(row.get(columns["question"]) or ""))
            continue
        if reason := _too_long(faq):
            yield Rejected(place, reason, faq.question)
            continue
        language = faq.language or language_of_both(faq.question, faq.answer)
        yield faq.model_copy(update={"language": language})


def _too_long(faq: Faq) -> str | None:
    """Why `faqs add` would take neither it nor any other of its file; None: it does."""
    if len(faq.id) > LONGEST_ID:
        return f"an id longer than {LONGEST_ID} characters"
    if max(map(len, faq.variants)) > LONGEST_QUESTION:
        return f"a question longer than {LONGEST_QUESTION} characters"
    if len(faq.answer) > LONGEST_ANSWER:
        return f"an answer longer than {LONGEST_ANSWER} characters"
    return None
