"""What libraries learn from that the recommender is compared with, and who says how to get them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from apps.recommender.catalogue.items import build_catalogue
from apps.recommender.interactions.events import sorted_events
from apps.recommender.interactions.timeline import split_in_time
from apps.recommender.schema import Item
from benchmarks.peers.libraries import events_to_learn, require_peers

ITEMS, USERS, EACH, CUTOFF = 60, 30, 40, 800


def test_libraries_see_nothing_of_what_they_are_asked_about() -> None:
    random = np.random.default_rng(0)
    rows = USERS * EACH
    user = np.repeat(np.arange(USERS, dtype=np.int32), EACH)
    # The last ten begin after the cutoff.
    time = np.where(user < 20, random.integers(1000, size=rows), random.integers(850, 1000, rows))
    events = sorted_events(
        user,
        random.integers(ITEMS, size=rows).astype(np.int32),
        np.zeros(rows, np.int8),
        time,
        np.ones(rows, np.float32),
        users=USERS,
    )
    catalogue = build_catalogue([Item(item_id=str(n), title="title") for n in range(ITEMS)])
    test = split_in_time(events, catalogue, cutoff=CUTOFF).test
    known = events_to_learn(test)
    asked = dict(zip(test.queries.users.tolist(), test.queries.as_of.tolist(), strict=True))
    assert set(asked) > set(range(20, 25)), "who begins later is asked about"
    each = zip(known.user.tolist(), known.time.tolist(), strict=True)
    assert all(t < asked.get(u, CUTOFF) for u, t in each)
    assert set(asked) <= set(known.user.tolist()), "nobody is asked about who is not known"


@pytest.mark.parametrize("python", [Path(sys.executable), Path("no-such-python")])
def test_a_python_without_them_is_refused_with_what_to_do(python: Path) -> None:
    with pytest.raises(SystemExit, match=r"--peers .*rectools\[torch\]"):
        require_peers(python)
