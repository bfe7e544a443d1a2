"""FAQs from the tables that people keep them in; what is too large to be one is refused."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from apps.customer_service.knowledge.schema import Proposed
from common.errors import UserError
from common.records.reader import read_records

MOST_FAQS = 20_000
MOST_BYTES = 64 * 1024 * 1024


def read_faqs(paths: Sequence[Path], mapping: Mapping[str, str] | None = None) -> list[Proposed]:
    """All FAQs of some tables; what looks like a formula is text.

    Raises:
        UserError: a table is missing, too large or has bad rows, or two FAQs have one id.
    """
    faqs: dict[str, Proposed] = {}
    for path in paths:
        check_size(path)
        records = read_records(path, Proposed, mapping=mapping)
        for faq, place in zip(records.items, records.places, strict=True):
            if faq.id in faqs:
                raise UserError(f"id: {faq.id!r} appears twice", where=place)
            faqs[faq.id] = faq
        if len(faqs) > MOST_FAQS:
            raise UserError(
                f"{len(faqs):,} rows; the most is {MOST_FAQS:,}",
                where=str(path),
                hint="So many are trained on: train --faqs FILE.",
            )
    return list(faqs.values())


def check_size(path: Path) -> None:
    """See that a file is small enough to be read as a whole, unpacked if it is a workbook.

    Raises:
        UserError: it is too large.
    """
    size = path.stat().st_size if path.exists() else 0
    if path.suffix.lower() == ".xlsx" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as book:
            size = max(size, sum(part.file_size for part in book.infolist()))
    if size > MOST_BYTES:
        raise UserError(
            f"{size / 1e6:,.0f} MB; the most is {MOST_BYTES / 1e6:,.0f} MB",
            where=str(path),
            hint="Is it the right file? Empty rows and pictures count, too.",
        )
