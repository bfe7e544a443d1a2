"""Train, validation and test: stratified by label, duplicates kept together."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from common.records.text import fold

T = TypeVar("T")


@dataclass(frozen=True)
class Splits(Generic[T]):
    """Records to learn from, to choose by, and to report on."""

    train: list[T]
    validation: list[T]
    test: list[T]


def split(
    records: Sequence[T],
    *,
    label: Callable[[T], str],
    text: Callable[[T], str],
    validation: float,
    test: float,
    seed: int,
) -> Splits[T]:
    """Put every record on exactly one side.

    Texts with the same `fold` stay together. Each label keeps at least half of its texts, and at
    least one, in train. The outcome depends on the texts and the seed, not on the file's order.

    Args:
        validation: share of each label's texts, 0 to 1.
        test: likewise.
    """
    groups: dict[str, list[T]] = defaultdict(list)
    for record in records:
        groups[fold(text(record))].append(record)
    by_label: dict[str, list[str]] = defaultdict(list)
    for key, group in groups.items():
        # A text under two labels counts for the first by name, whatever the order.
        by_label[min(label(record) for record in group)].append(key)

    sides: Splits[T] = Splits([], [], [])
    # What rounding leaves of one label is carried to the next, so that the totals come out right.
    owed_validation = owed_test = 0.0
    for name in sorted(by_label):
        keys = sorted(by_label[name], key=lambda key: _draw(key, seed))
        spare = len(keys) // 2
        owed_validation += len(keys) * validation
        owed_test += len(keys) * test
        to_test = min(int(owed_test + 0.5), spare)
        to_validation = min(int(owed_validation + 0.5), spare - to_test)
        owed_test -= to_test
        owed_validation -= to_validation
        for position, key in enumerate(keys):
            if position < to_test:
                sides.test.extend(groups[key])
            elif position < to_test + to_validation:
                sides.validation.extend(groups[key])
            else:
                sides.train.extend(groups[key])
    return sides


def deal(
    records: Sequence[T],
    *,
    label: Callable[[T], str],
    text: Callable[[T], str],
    count: int,
    seed: int,
) -> list[list[T]]:
    """Every record in one of `count` parts, each label spread evenly over them.

    Texts with the same `fold` stay together; as with `split`, the file's order does not matter.
    """
    groups: dict[str, list[T]] = defaultdict(list)
    for record in records:
        groups[fold(text(record))].append(record)
    by_label = sorted(groups, key=lambda key: (min(map(label, groups[key])), _draw(key, seed)))
    parts: list[list[T]] = [[] for _ in range(count)]
    for turn, key in enumerate(by_label):
        parts[turn % count].extend(groups[key])
    return parts


def _draw(key: str, seed: int) -> bytes:
    return hashlib.blake2b(f"{seed}:{key}".encode(), digest_size=8).digest()
