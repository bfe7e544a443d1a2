"""What each part measures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from benchmarks.gpu import agreement, card, encoding, generation, models, search, training
from benchmarks.gpu.bench import Bench
from benchmarks.gpu.row import Row

PARTS: Mapping[str, Callable[[Bench], Iterator[Row]]] = {
    "models": models.measure,
    "card": card.measure,
    "agreement": agreement.measure,
    "encoding": encoding.measure,
    "training": training.measure,
    "search": search.measure,
    "generation": generation.measure,
}
