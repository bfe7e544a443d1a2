"""What is wrong with items and interactions before a model learns from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from apps.recommender.interactions.behaviors import Behaviors, names_in
from apps.recommender.interactions.ratings import scale_of
from apps.recommender.schema import Item
from common.errors import UserError
from common.records.audit import EXAMPLES_SHOWN, Finding, Severity
from common.records.fields import DAYS_OF_SPREADSHEETS
from common.records.reader import Records
from common.records.text import fold, language_of

if TYPE_CHECKING:
    import polars as pl

# Above this share of rows it is no slip of the hand: the two files do not belong together.
UNKNOWN_TOLERATED = 0.5
FEW_EVENTS = 5
# Who sells at such a price earns more than 1 on something, or states shares.
HARDLY_ALL_MARGINS = 10.0


def check_items(files: Sequence[Records[Item]]) -> list[Finding]:
    """Findings about the items.

    Raises:
        UserError: two items with one id.
    """
    places: dict[str, str] = {}
    texts: dict[str, list[str]] = {}
    languages: Counter[str] = Counter()
    priced: list[tuple[Item, str]] = []
    for file in files:
        rows = zip(file.items, file.places, file.short_places, strict=True)
        for item, place, short in rows:
            if item.item_id in places:
                raise UserError(
                    f"item {item.item_id!r} stands here and at {places[item.item_id]}", where=place
                )
            places[item.item_id] = place
            texts.setdefault(fold(item.content), []).append(short)
            languages[language_of(item.content)] += 1
            priced.append((item, short))
    findings = [_note("languages", "languages of items", languages)]
    twins = [", ".join(group[:3]) for group in texts.values() if len(group) > 1]
    if twins:
        message = "items with the same text"
        findings.append(
            Finding("warning", "same_text", message, len(twins), twins[:EXAMPLES_SHOWN])
        )
    return findings + _margins(priced)


def _margins(items: Sequence[tuple[Item, str]]) -> list[Finding]:
    """Findings about what items earn; of each its place."""
    known = [(item.margin, item.price, place) for item, place in items if item.margin is not None]
    if not known:
        return []
    findings = []
    if unknown := [place for item, place in items if item.margin is None]:
        message = "items without a margin, which count with the median of the others"
        findings.append(_some("note", "no_margin", message, unknown))
    if losing := [place for margin, _, place in known if margin < 0]:
        findings.append(_some("note", "negative_margin", "items that are sold at a loss", losing))
    above = [place for margin, price, place in known if price is not None and margin > price]
    if above:
        message = "items whose margin is above their price"
        findings.append(_some("warning", "margin_above_price", message, above))
    if all(abs(margin) <= 1 for margin, _, _ in known) and any(
        price is not None and price > HARDLY_ALL_MARGINS for _, price, _ in known
    ):
        message = "margins, all between -1 and 1: shares are to be multiplied by the price"
        findings.append(_some("warning", "margin_share", message, [place for *_, place in known]))
    return findings


def check_rows(frame: pl.DataFrame, item: NDArray[np.int32], behaviors: Behaviors) -> list[Finding]:
    """Findings about the interactions: unknown items, repeated rows, few events, other names.

    Args:
        item: [rows] item numbers, -1 where the items file does not hold it.
        behaviors: by which they were read.
    """
    import polars as pl

    from apps.recommender.schema import BEHAVIORS

    findings = []
    unknown = frame.filter(item < 0)
    if len(unknown):
        severity: Severity = "error" if len(unknown) > UNKNOWN_TOLERATED * len(frame) else "warning"
        names = unknown["item_id"].unique(maintain_order=True).head(EXAMPLES_SHOWN)
        examples = names.cast(pl.String).to_list()
        message = "interactions with an item that is not in the items file, left out"
        findings.append(Finding(severity, "unknown_item", message, len(unknown), examples))
    # By the hashes of rows: a set of the rows themselves takes ten times the memory.
    row = np.sort(frame.select("user_id", "item_id", "behavior", "time").hash_rows().to_numpy())
    repeated = int((row[1:] == row[:-1]).sum())
    if repeated:
        findings.append(Finding("note", "repeated", "duplicate rows", repeated))
    days = frame["time"]
    if days.is_between(DAYS_OF_SPREADSHEETS.start, DAYS_OF_SPREADSHEETS.stop - 1).all():
        message = "timestamps within a day of 1970, as if a spreadsheet had counted days"
        examples = [str(one) for one in days.unique().head(EXAMPLES_SHOWN)]
        findings.append(Finding("warning", "days_for_seconds", message, len(frame), examples))
    few = frame.group_by("user_id").len().filter(pl.col("len") < FEW_EVENTS)
    if len(few):
        message = f"users with fewer than {FEW_EVENTS} rows"
        findings.append(Finding("note", "few_events", message, len(few)))
    counts = frame["behavior"].value_counts(sort=True).rows()
    done = Counter({BEHAVIORS[number]: count for number, count in counts})
    findings.append(_note("behaviors", "behaviours", done))
    if odd := scale_of(frame["rating"]).odd:
        message = "ratings far above all others: while they stand there, none counts as a dislike"
        highest = [f"{one:g}" for one in frame["rating"].top_k(min(odd, EXAMPLES_SHOWN))]
        findings.append(Finding("warning", "odd_ratings", message, odd, highest))
    if said := behaviors.said(names_in(frame)):
        message = "behaviours under other names"
        findings.append(Finding("note", "renamed_behaviors", message, said.count(" as "), [said]))
    return findings


def _some(severity: Severity, code: str, message: str, places: Sequence[str]) -> Finding:
    return Finding(severity, code, message, len(places), [*places[:EXAMPLES_SHOWN]])


def _note(code: str, message: str, counts: Counter[str]) -> Finding:
    shares = ", ".join(f"{name} {count}" for name, count in counts.most_common())
    return Finding("note", code, message, len(counts), [shares])
