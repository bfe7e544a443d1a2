"""A user's unlabelled texts: read, masked, without duplicates, some of them held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from common.console import progress
from common.errors import UserError
from common.files import file_sha256
from common.records.encodings import read_text
from common.records.fields import Text
from common.records.personal import prepare
from common.records.reader import OnBadRow, hashes_by_name, read_records
from common.records.splits import Splits, split
from common.records.text import fold

PLAIN = ".txt"
HELD_OUT_SHARE = 0.1
# Enough for a steady figure, and read twice an epoch.
MOST_HELD_OUT = 1000
FEWEST = 10


class PlainText(BaseModel):
    """One text; of whom or of what is not asked."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    text: Text


@dataclass(frozen=True)
class Texts:
    """What is learned from and what is measured on, both masked."""

    splits: Splits[str]
    duplicates: int
    hashes: dict[str, str]


def read_texts(
    paths: Sequence[Path],
    *,
    mapping: Mapping[str, str],
    on_bad_row: OnBadRow = "fail",
    rejected_directory: Path | None = None,
    seed: int = 0,
) -> Texts:
    """Read tables with a column `text`, and `.txt` files with one text a line.

    Raises:
        UserError: bad rows, a file that cannot be read, or fewer than ten different texts.
    """
    found: list[str] = []
    hashes = []
    for path in paths:
        if path.suffix.lower() == PLAIN:
            found += [line.strip() for line in read_text(path).splitlines() if line.strip()]
            hashes.append((path, file_sha256(path)))
            continue
        records = read_records(
            path,
            PlainText,
            mapping=mapping,
            on_bad_row=on_bad_row,
            rejected_directory=rejected_directory,
        )
        found += [record.text for record in records]
        hashes.append((path, records.sha256))
    kept = _different(found)
    if len(kept) < FEWEST:
        raise UserError(
            f"{len(kept)} different texts: too few to learn from",
            hint="Give some thousands; what is held out of them measures what was learned.",
        )
    sides = split(
        kept,
        label=lambda text: "",
        text=lambda text: text,
        validation=min(HELD_OUT_SHARE, MOST_HELD_OUT / len(kept)),
        test=0.0,
        seed=seed,
    )
    return Texts(sides, len(found) - len(kept), hashes_by_name(hashes))


def _different(texts: Sequence[str]) -> list[str]:
    """Masked; of texts that differ in case, spaces and punctuation alone, the first."""
    kept: dict[str, str] = {}
    with progress("Masking personal data", len(texts)) as advance:
        for text in texts:
            prepared = prepare(text)
            if key := fold(prepared):
                kept.setdefault(key, prepared)
            advance()
    return list(kept.values())
