"""Which stretch of time each stage learns from, so that nothing is learned from its own future."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.interactions.events import Events, Int64
from apps.recommender.interactions.queries import Queries, build_queries
from common.errors import UserError

Strategy = Literal["global-time", "leave-one-out"]
# Shares of all events before the towers' end, before the ranker's, and before the test.
SHARES = (0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Window:
    """A stretch of time that is asked about.

    `past` is what lies before it: what may be learned from and counted. `known` goes to its end;
    histories are cut from it, for each query as of its own moment.
    """

    past: Events
    known: Events
    queries: Queries


@dataclass(frozen=True)
class Timeline:
    """Stretches of time one after the other.

    The towers learn from `towers`; the second stage from what came in `ranker`; probabilities
    and diversity are fitted on `calibration`, which is later; `test` is reported on.
    """

    towers: Events
    ranker: Window
    calibration: Window
    test: Window


def split_in_time(
    events: Events,
    catalogue: Catalogue,
    *,
    strategy: Strategy = "global-time",
    cutoff: int | None = None,
    fold_in: int = 10,
) -> Timeline:
    """One moment for all users, or with `leave-one-out` the last events of each.

    Args:
        cutoff: where the test begins, seconds since 1970; default: after nine tenths of the
            events. `leave-one-out` takes none.
        fold_in: who begins in a window is asked after so many events of their own.

    Raises:
        UserError: nothing lies before the cutoff or after it, a window holds no query, or all
            events bear the same time.
    """
    if len(events) and events.time.min() == events.time.max():
        raise UserError(
            "all interactions bear the same time: which came first is not known",
            hint="Where an order is all that is known, give each of a user's events a timestamp "
            "an hour after the one before, the last ones of all users the same, and ask for "
            "--strategy leave-one-out.",
        )
    if strategy == "leave-one-out":
        bounds = [_last(events, places) for places in (3, 2, 1)]
    else:
        bounds = [np.full(events.users, moment) for moment in _moments(events, cutoff)]
    return _windows(events, catalogue, bounds, fold_in)


def split_later(
    events: Events, catalogue: Catalogue, begins: int, *, fold_in: int = 10
) -> Timeline:
    """The towers learned from what lies before `begins`; later events are divided into thirds.

    Args:
        begins: seconds since 1970.

    Raises:
        UserError: a window holds no query.
    """
    later = np.sort(events.time[events.time >= begins])
    moments = np.quantile(later, (1 / 3, 2 / 3), method="higher") if len(later) else ()
    bounds = [np.full(events.users, int(moment)) for moment in (begins, *moments)]
    return _windows(events, catalogue, bounds, fold_in)


def _windows(
    events: Events, catalogue: Catalogue, bounds: Sequence[Int64], fold_in: int
) -> Timeline:
    """The windows that begin at `bounds`, each up to the next."""
    windows: list[Window] = []
    known = events
    for bound in reversed(bounds):
        windows.append(window_from(known, catalogue, bound, fold_in=fold_in))
        known = windows[-1].past
    if len(windows) != len(SHARES):
        raise UserError("nothing was done after the towers learned")
    test, calibration, ranker = windows
    return Timeline(ranker.past, ranker, calibration, test)


def window_from(
    events: Events, catalogue: Catalogue, cutoff: int | Int64, *, fold_in: int = 10
) -> Window:
    """What came at `cutoff` (seconds since 1970, for all or for each user) and later.

    Raises:
        UserError: nothing lies before it, or nobody can be asked about what lies after it.
    """
    past = events.before(cutoff)
    queries = build_queries(events, catalogue, cutoff, fold_in=fold_in)
    if not len(queries) or not len(past):
        raise UserError(
            "too few moments in time to learn, choose and measure one after the other",
            hint="Give interactions over a longer time, another --cutoff, or "
            "--strategy leave-one-out.",
        )
    return Window(past, events, queries)


def _last(events: Events, places: int) -> Int64:
    """The time of each user's event `places` from the end; past all for who has fewer than 4."""
    enough = events.counts() > len(SHARES)
    times = events.time[np.where(enough, events.offsets[1:] - places, 0)]
    return np.where(enough, times, events.time.max() + 1)


def _moments(events: Events, cutoff: int | None) -> list[int]:
    times = np.sort(events.time)
    if cutoff is None:
        return [int(bound) for bound in np.quantile(times, SHARES, method="higher")]
    earlier = times[times < cutoff]
    if not len(earlier) or len(earlier) == len(times):
        side = "before" if not len(earlier) else "after"
        raise UserError(
            f"no interaction lies {side} the cutoff",
            where=f"--cutoff {iso(cutoff)}",
            hint=f"They reach from {iso(times[0])} to {iso(times[-1])}.",
        )
    shares = [share / SHARES[-1] for share in SHARES[:-1]]
    return [*(int(b) for b in np.quantile(earlier, shares, method="higher")), cutoff]


def iso(seconds: float) -> str:
    """ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()
