"""What a release recommends after a history, as expectations take it."""

from __future__ import annotations

from collections import ChainMap, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.interactions.behaviors import Behaviors
from apps.recommender.pipeline.pipeline import Pipeline
from apps.recommender.service import RankingService
from apps.recommender.stress.histories import (
    History,
    check_histories,
    perturbation_of,
    read_history,
)
from common.console import say
from common.evaluation.stress.expectations.checking import Decide, Decided, Said
from common.evaluation.stress.expectations.expectation import Expectations
from common.evaluation.stress.expectations.reading import check_known

KINDS = ("category", "tag", "language")
# What an expectation may be of, the usual one first: the first ten items; the category, tag and
# language that most of them have, the higher one of equals; which of the history are shown again.
DECISIONS = ("list", *KINDS, "repeated")
LISTS = ("list",)
NONE = "none"
SHOWN = 10

# The release over the same items with other texts.
Build = Callable[[Catalogue], Pipeline]


def decide_with(pipeline: Pipeline, behaviors: Behaviors, build: Build) -> Decide:
    """`DECISIONS` on histories, and the share of the list that each label has.

    A place counts by its discount in nDCG, 1 / log2(1 + rank), so that the whole list is 1. A
    history with an item or a behaviour that is not known any more decides nothing.

    Args:
        build: used where a history wants the items' texts written otherwise.
    """
    services: dict[str | None, RankingService] = {None: RankingService(pipeline, "")}
    catalogue = pipeline.prepared.catalogue
    none: dict[str, float] = dict.fromkeys(all_labels(catalogue), 0.0)

    def service(change: str | None) -> RankingService:
        if change is not None and change not in services:
            say(f"Reading {len(catalogue):,} items with {change}")
            apply = perturbation_of(change).apply
            written = replace(catalogue, texts=[apply(text, 0) for text in catalogue.texts])
            services[change] = RankingService(build(written), "")
        return services[change]

    def decide(texts: Sequence[str]) -> list[Decided]:
        return [one(read_history(text)) for text in texts]

    def one(history: History) -> Decided:
        if any(item_id not in catalogue.number for _, item_id in history.events):
            return Decided({}, {})
        try:
            done = history.interactions(behaviors, pipeline.prepared.as_of)
        except ValueError:
            return Decided({}, {})
        rows = service(history.change).recommend_for(done, SHOWN)
        listed = [catalogue.number[row.item_id] for row in rows]
        said, shares = _decided(listed, {event.item_id for event in done}, catalogue)
        return Decided(said, ChainMap(shares, none))

    return decide


def check_labels(expectations: Expectations, catalogue: Catalogue, behaviors: Behaviors) -> None:
    """See that histories can be ranked for, and that what is expected is in the catalogue.

    Raises:
        UserError: something is not.
    """
    texts = dict.fromkeys(text for case in expectations.cases for text in case.texts)
    check_histories([*texts], catalogue, behaviors)
    labels = all_labels(catalogue)
    known: dict[str, Collection[str]] = {
        kind: [label.removeprefix(f"{kind} ") for label in labels if label.startswith(f"{kind} ")]
        for kind in KINDS
    }
    known |= {"list": (), "repeated": (NONE, *catalogue.ids)}
    check_known(expectations, known, labels)


def all_labels(catalogue: Catalogue) -> dict[str, None]:
    """What an expectation may ask the share of: `category home`, `tag tea`, `item book-1` …"""
    pairs = (pair for number in range(len(catalogue)) for pair in _labels(number, catalogue))
    return dict.fromkeys(" ".join(pair) for pair in pairs)


def _labels(number: int, catalogue: Catalogue) -> list[tuple[str, str]]:
    """All labels of one item: (kind, name)."""
    found = [("item", catalogue.ids[number])]
    found += [("tag", tag) for tag in dict.fromkeys(catalogue.tags[number])]
    if catalogue.category[number] >= 0:
        found.append(("category", catalogue.categories[catalogue.category[number]]))
    if language := catalogue.languages[number]:
        found.append(("language", language))
    return found


def _decided(
    listed: Sequence[int], done: set[str], catalogue: Catalogue
) -> tuple[dict[str, Said | None], dict[str, float]]:
    """What is said of a list, and the shares of the labels in it."""
    ids = tuple(catalogue.ids[number] for number in listed)
    counts: dict[tuple[str, str], int] = defaultdict(int)
    shares: dict[tuple[str, str], float] = defaultdict(float)
    discounts = 1 / np.log2(np.arange(len(listed)) + 2)
    for number, discount in zip(listed, discounts / discounts.sum(), strict=True):
        for label in _labels(number, catalogue):
            counts[label] += 1
            shares[label] += float(discount)
    most = {kind: _most(kind, counts) for kind in KINDS}
    again = ", ".join(item_id for item_id in ids if item_id in done) or NONE
    return {"list": ids, **most, "repeated": again}, {
        " ".join(label): share for label, share in shares.items()
    }


def _most(kind: str, counts: Mapping[tuple[str, str], int]) -> str | None:
    of_kind = {name: count for (its, name), count in counts.items() if its == kind}
    # Names stand in the order of the list: of equals, `max` takes the first.
    return max(of_kind, key=lambda name: of_kind[name]) if of_kind else None
