"""banking77 as three banks that share some of its intents and no text."""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from apps.customer_service.data import Dataset, Example
from apps.customer_service.federating.party import Party
from common.records.audit import Audit
from common.records.splits import Splits
from common.records.text import normalise

BANKS, SHARED = ("north", "south", "west"), 23
# Of each intent: held out of train to choose settings on, and asked of the test set.
HELD_OUT, TESTED = 10, 20
Labelled = list[tuple[str, str]]


@dataclass(frozen=True)
class Bank:
    """A bank's texts, and the held-out ones of its intents."""

    name: str
    examples: list[Example]

    @property
    def intents(self) -> set[str]:
        """Those that it has texts of."""
        return {str(example.intent) for example in self.examples}

    def party(self) -> Party:
        """As the core takes it: nothing is held out, and the last epoch is what is sent."""
        splits = Splits(self.examples, [], [])
        dataset = Dataset({}, splits, Audit([]), {"texts": f"{self.name}, {len(self.examples)}"})
        return Party(dataset, self.examples, [])


def banks_of(data: Path, texts: int, seed: int, *, validation: bool) -> tuple[list[Bank], Labelled]:
    """The banks, each with `texts` of an intent, and held-out texts of every intent."""
    train = _read(data / "banking77" / "train.csv")
    names = sorted(train)
    draw = random.Random(seed)
    draw.shuffle(names)
    held: Labelled = []
    found: dict[str, list[Example]] = {bank: [] for bank in BANKS}
    for at, name in enumerate(names):
        some = train[name]
        draw.shuffle(some)
        held += [(text, name) for text in some[:HELD_OUT]]
        left = some[HELD_OUT:]
        having = BANKS if at < SHARED else [BANKS[at % len(BANKS)]]
        for number, bank in enumerate(having):
            own = left[number * texts : (number + 1) * texts]
            found[bank] += [Example(text, None, name) for text in own]
    banks = [Bank(bank, some) for bank, some in found.items()]
    if validation:
        return banks, held
    test = _read(data / "banking77" / "test.csv")
    return banks, [(text, name) for name, some in test.items() for text in some[:TESTED]]


def _read(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["category"]].append(normalise(row["text"]))
    return found
