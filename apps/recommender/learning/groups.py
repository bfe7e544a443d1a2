"""What the users can be grouped by on whom a candidate is measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from apps.recommender.data import Dataset
from apps.recommender.interactions.queries import Queries
from common.learning.candidates.groups import Grouping, called


@dataclass(frozen=True)
class AskedUser:
    """A user who is asked about; `took_new`: something that nobody had met before."""

    user_id: str
    language: str | None
    has_few_events: bool
    took_new: bool


GROUPING: Grouping[AskedUser] = Grouping(
    {
        "history": lambda one: (
            "users with few events" if one.has_few_events else "users with a history",
        ),
        "language": lambda one: called("language", one.language),
        "items": lambda one: (
            "users who took new items" if one.took_new else "users who took known items",
        ),
    },
    usual=("history", "language"),
)


def asked_users(dataset: Dataset, queries: Queries) -> list[AskedUser]:
    """One for each query."""
    cold_item = queries.cold_item
    return [
        AskedUser(
            dataset.user_ids[user],
            dataset.languages[user],
            bool(few),
            bool(np.any(cold_item[relevant])),
        )
        for user, few, relevant in zip(
            queries.users.tolist(), queries.cold_user, queries.relevant, strict=True
        )
    ]
