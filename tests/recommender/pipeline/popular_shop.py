"""A shop where all take what is popular, whatever its text."""

from __future__ import annotations

import numpy as np

from apps.recommender.catalogue.items import build_catalogue
from apps.recommender.catalogue.users import UserFeatures
from apps.recommender.data import Allowed, Dataset
from apps.recommender.interactions.events import sorted_events
from apps.recommender.schema import Item
from common.records.audit import Audit

USERS, ITEMS, EACH = 40, 80, 12
DAY = 24 * 3600


def _shop() -> Dataset:
    random = np.random.default_rng(0)
    chance = 0.9 ** np.arange(ITEMS)
    item = [random.choice(ITEMS, EACH, False, chance / chance.sum()) for _ in range(USERS)]
    items = [Item(item_id=str(n), title=f"Title {n}") for n in range(ITEMS)]
    count = USERS * EACH
    return Dataset(
        catalogue=build_catalogue(items),
        user_ids=[str(n) for n in range(USERS)],
        languages=[None] * USERS,
        events=sorted_events(
            np.repeat(np.arange(USERS), EACH),
            np.concatenate(item),
            np.ones(count, np.int8),
            random.integers(0, 100 * DAY, count),
            np.ones(count, np.float32),
            users=USERS,
        ),
        impressions=None,
        features=UserFeatures([], np.empty((USERS, 0), np.float32)),
        allowed=Allowed(np.ones(ITEMS, np.bool_), {}),
        audit=Audit([]),
        hashes={},
    )


SHOP = _shop()
