"""For whom an alert is: from which surprise on, and which receivers that means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from apps.finance_monitor.surges.alert import Alert
from apps.finance_monitor.surges.budget import Budget
from apps.finance_monitor.surges.history import Floats
from apps.finance_monitor.watchlists.watchlist import Watchlist


@dataclass(frozen=True)
class Thresholds:
    """Where alarms begin, and where each list joins.

    Attributes:
        general: windows between two false alarms of one key, by the budget over all keys.
        first: [keys], the lowest that anybody asks for.
        lists: by name, [keys]; infinite for what a list does not watch.
    """

    general: float
    first: Floats
    lists: Mapping[str, Floats]

    def reached(self, surprise: float, row: int) -> list[str]:
        """The lists that an alert with this surprise, log R over the general log A, is for."""
        general = np.log(self.general)
        return [name for name, at in self.lists.items() if surprise >= np.log(at[row]) / general]


def thresholds(
    budget: Budget, watchlists: Sequence[Watchlist], keys: Sequence[str], width: float
) -> Thresholds:
    """Each list keeps its own promise: its budget is shared by the keys that it watches.

    A list without a budget gets the alerts of the general one, and so no further false alarms. The
    statistic of a key is the same for all, and is never set back later than where the lowest
    threshold was reached: the mean time to a false alarm at each threshold is at least what it says
    (see `detector`).
    """
    general = budget.threshold(len(keys), width)
    first = np.full(len(keys), general)
    lists = {}
    for one in watchlists:
        watched = np.array([one.watches(key) for key in keys], dtype=bool)
        # Words may be in the stories of any key, so that all keys share the budget.
        share = len(keys) if one.words else len(one.keys)
        own = one.false_alarms.threshold(share, width) if one.false_alarms else general
        lists[one.name] = np.where(watched, own, np.inf)
        first = np.minimum(first, lists[one.name])
    return Thresholds(general, first, lists)


@dataclass(frozen=True)
class Subscribers:
    """Watchlists, and the names of the receivers of each.

    Attributes:
        everything: receivers of all alerts that reach the general budget.
        receivers: by list.
    """

    everything: Sequence[str] = ()
    watchlists: Sequence[Watchlist] = ()
    receivers: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        """All receivers."""
        return {*self.everything, *chain.from_iterable(self.receivers.values())}

    def concerned(self, alert: Alert) -> list[Watchlist]:
        """The lists whose threshold it has reached and whose matter it is."""
        return [
            one
            for one in self.watchlists
            if one.name in alert.watchlists and one.concerns_alert(alert)
        ]

    def of(self, alert: Alert, muted_by: str | None = None) -> dict[str, str]:
        """Who is to be notified, and by which of their companies where it is indirect.

        Args:
            muted_by: the key of an alert that explains this one. It explains it to those alone who
                are notified of that one, and to those whom it concerns indirectly.
        """
        found = dict.fromkeys(self.everything if alert.general and not muted_by else (), "")
        for one in self.concerned(alert):
            if not (muted_by and one.watches(muted_by)):
                found |= dict.fromkeys(self.receivers.get(one.name, ()), "")
        for one in () if muted_by else self.watchlists:
            if indirect := one.exposed_to(alert):
                found = dict.fromkeys(self.receivers.get(one.name, ()), indirect) | found
        return found
