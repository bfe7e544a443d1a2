"""What the users can be grouped by on whom a candidate is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from apps.recommender.data import Dataset, Sources, read_users
from apps.recommender.interactions.queries import Queries
from common.errors import UserError
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


def with_column(by: str, sources: Sources) -> tuple[Grouping[AskedUser], tuple[str, ...]]:
    """Group by the names in `by`, among them columns of the users' file, and those names.

    Raises:
        UserError: a name is neither known nor a column of that file.
    """
    names = tuple(dict.fromkeys(name.strip() for name in by.split(",")))
    own = [name for name in names if name not in GROUPING.of]
    of = dict(GROUPING.of)
    users = read_users(sources) if own else []
    columns = sorted({column for user in users for column in user.features})
    for name in own:
        if name not in columns:
            raise UserError(
                f"--by {by}: users cannot be grouped by {name!r}",
                hint=f"They can by: {', '.join([*GROUPING.of, *columns])} (columns of --users)",
            )
        of[name] = partial(_by_feature, name, {user.user_id: user.features for user in users})
    return Grouping(of, GROUPING.usual), names


def _by_feature(
    name: str, features: Mapping[str, Mapping[str, Any]], one: AskedUser
) -> tuple[str, ...]:
    value = features.get(one.user_id, {}).get(name)
    return called(name, None if value is None else str(value))


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
