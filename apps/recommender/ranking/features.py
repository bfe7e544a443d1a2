"""What the second stage ranks by: one row of numbers for each user and candidate.

Everything is as of the moment of the query: counts are taken from earlier events, the history
ends before it. What is fixed (texts, prices, the users file) is taken as always known.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.recommender.catalogue.facts import item_facts
from apps.recommender.catalogue.items import Catalogue
from apps.recommender.catalogue.users import UserFeatures
from apps.recommender.interactions.counting import PURCHASE, EventCounting, Snapshot
from apps.recommender.interactions.events import Events, Histories, Int32, Int64
from apps.recommender.interactions.popularity import COUNTS, DAY
from apps.recommender.ranking.affinity import (
    likeness,
    overlap_of_tags,
    price_beyond,
    share_of_kind,
    times_met,
)
from apps.recommender.ranking.signals import FEATURES, Feature
from apps.recommender.retrieval.candidates import Candidates

Float32 = NDArray[np.float32]

# Below these, of what is usual and of the best candidate, differences are taken for chance.
SMALL_RATIO, SMALL_SHARE = 0.1, 0.02


# Before the name of a column of the users file.
OF_USER = "user_"


class FeatureBuilder:
    """Builds features for blocks of users; it keeps what all blocks share."""

    def __init__(
        self,
        catalogue: Catalogue,
        vectors: NDArray[Any],
        counted: Events | Snapshot,
        users: UserFeatures | None = None,
    ) -> None:
        """Sort the events by item, unless they are counted already.

        Args:
            vectors: [items, width] of length 1, of the items' texts, possibly a memory map.
            counted: all events that may be counted, of which each query counts what was before it;
                or their counts as of one moment.
            users: further columns of the users file, [users, names]; default: none.
        """
        self._vectors = vectors
        self._users = users
        self._facts = item_facts(catalogue)
        if isinstance(counted, Snapshot):
            self.counting: Snapshot | EventCounting = counted
        else:
            self.counting = EventCounting(counted, len(catalogue))
        names = users.names if users else []
        self.features = (*FEATURES, *map(_of_user, names))

    @property
    def names(self) -> list[str]:
        """Names in the order of the last axis."""
        return [feature.name for feature in self.features]

    def build(self, users: Int64, histories: Histories, candidates: Candidates) -> Float32:
        """[rows, places, features]; NaN where nothing is known, and where there is no candidate.

        Args:
            users: [rows] numbers.
            histories: of these users, with the moment of each query.
        """
        item = candidates.item
        columns = (
            self._scores(candidates)
            | self._likeness(histories, item)
            | self._popularity(item, histories.as_of)
            | self._facts_of(histories, item)
            | _habits(histories)
        )
        found = np.empty((*item.shape, len(self.features)), np.float32)
        for n, feature in enumerate(FEATURES):
            found[:, :, n] = columns[feature.name]
        if self._users is not None:
            found[:, :, len(FEATURES) :] = self._users.values[users][:, None]
        found[candidates.is_empty] = np.nan
        return found

    def _scores(self, candidates: Candidates) -> dict[str, Float32]:
        text, neighbours = candidates.text_score, candidates.neighbour_score
        empty = candidates.is_empty
        best_text = np.where(empty, -np.inf, text).max(1, keepdims=True, initial=-np.inf)
        best_neighbour = np.where(empty, 0, neighbours).max(1, keepdims=True, initial=0)
        return {
            "text_score": text,
            "text_gap": text - best_text,
            "neighbour_score": neighbours,
            "neighbour_share": neighbours / np.where(best_neighbour > 0, best_neighbour, np.nan),
            "company_share": _log_share(candidates.company_score, empty),
        }

    def _likeness(self, histories: Histories, item: Int32) -> dict[str, Float32]:
        found = likeness(histories, item, self._vectors)
        return {
            "similar_last": found.last,
            "similar_last_3": found.last_3,
            "similar_last_10": found.last_10,
            "similar_best": found.best,
            "similar_bought": found.bought,
        }

    def _popularity(self, item: Int32, as_of: Int64) -> dict[str, Float32]:
        counts = self.counting.of(item, as_of)
        met, bought, total = counts.met, counts.bought, counts.total
        day, week, month, ever, _, _, weight = np.moveaxis(met, 2, 0)
        # How the mean item fares, which grows with the data; the figures of an item do not.
        usual = total / max(self.counting.items, 1)
        mean_weight = total[:, :, -1] / np.maximum(total[:, :, COUNTS.index("all")], 1)

        def beyond_usual(name: str) -> Float32:
            of = COUNTS.index(name)
            ratio = met[:, :, of] / np.maximum(usual[:, :, of], 1e-9)
            return np.log(ratio + SMALL_RATIO)

        return {
            "events_1_day": np.log1p(day),
            "events_7_days": np.log1p(week),
            "events_30_days": np.log1p(month),
            "events_all": beyond_usual("all"),
            "events_forgetting": beyond_usual("forgetting"),
            "events_forgetting_slowly": beyond_usual("forgetting slowly"),
            "liking": (weight - ever * mean_weight) / (ever + 10),
            "trend": np.log((week + 1) / (month * (7 / 30) + 1)),
            "purchases_30_days": np.log1p(bought[:, :, 2]),
            "purchase_share": bought[:, :, 3] / (ever + 10),
        }

    def _facts_of(self, histories: Histories, item: Int32) -> dict[str, Float32]:
        facts = self._facts
        here = np.maximum(item, 0)
        age = np.maximum(histories.as_of[:, None] - facts.created[here], 0) / DAY
        return {
            "age": np.log1p(age).astype(np.float32),
            "price": facts.log_price[here],
            "price_to_history": price_beyond(facts, histories, item),
            "price_to_bought": price_beyond(facts, histories, item, bought=True),
            "category_share": share_of_kind(facts.category, facts.categories, histories, item),
            "tag_overlap": overlap_of_tags(facts, histories, item),
            "language_share": share_of_kind(facts.language, facts.languages, histories, item),
            "times_met": times_met(histories, item),
        }


def _log_share(values: Float32, empty: NDArray[np.bool_]) -> Float32:
    """Of the user's best candidate, from 0 up; NaN where no candidate has any."""
    best = np.where(empty, 0, values).max(1, keepdims=True, initial=0)
    share = values / np.where(best > 0, best, np.nan)
    return np.log1p(share / SMALL_SHARE).astype(np.float32)


def _habits(histories: Histories) -> dict[str, Float32]:
    """What the history says about its user, [rows, 1] each; NaN without events."""
    known = histories.item >= 0
    count = known.sum(1)
    some = np.where(count > 0, count, np.nan)
    first = np.where(known, histories.time, np.iinfo(np.int64).max).min(1, initial=2**62)
    last = histories.time[:, -1]
    pace = np.where(count > 1, (last - first) / np.maximum(count - 1, 1) / DAY, np.nan)
    bought = (known & (histories.behavior == PURCHASE)).sum(1)
    columns = {
        "user_events": np.log1p(count),
        "user_pace": np.log1p(pace),
        "user_idle": np.log1p((histories.as_of - last) / DAY) * some / some,
        "user_purchase_share": bought / some,
    }
    return {name: values.astype(np.float32)[:, None] for name, values in columns.items()}


def _of_user(name: str) -> Feature:
    return Feature(
        f"{OF_USER}{name}",
        f"It suits people like you ({name}).",
        f"适合和您情况相近的用户（{name}）。",
        "never",
    )
