"""How much speaks for a reply: 0 to 1, by what is known of its dialogue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

from apps.customer_service.importing.schema import Exchange

# Half of what can be known: nothing is.
UNKNOWN = 0.5
RESOLVED, THANKED, PRAISED, DOUBTED, ASKED_AGAIN, UNRELATED = 0.2, 0.3, 0.15, -0.4, -0.3, -0.25
LEAST, MOST = 0.05, 1.0
DAY = 86_400.0
# A customer who asks the same again within so many days was not helped.
AGAIN_DAYS = 3.0


def weights(cluster: Sequence[Exchange], nearness: Sequence[float]) -> list[float]:
    """The weight of each exchange of a cluster.

    Args:
        nearness: cosine of each reply and its request; below 0 they are about different things.
    """
    again = asked_again(cluster)
    return [
        _weight(one, place in again, near < 0)
        for place, (one, near) in enumerate(zip(cluster, nearness, strict=True))
    ]


def _weight(exchange: Exchange, is_asked_again: bool, is_unrelated: bool) -> float:
    weight = UNKNOWN
    if exchange.is_resolved is not None:
        weight += RESOLVED if exchange.is_resolved else -RESOLVED
    if exchange.is_praised is not None:
        weight += PRAISED if exchange.is_praised else -PRAISED
    weight += THANKED * exchange.is_thanked + DOUBTED * exchange.is_doubted
    weight += ASKED_AGAIN * is_asked_again + UNRELATED * is_unrelated
    return min(max(weight, LEAST), MOST)


def asked_again(cluster: Sequence[Exchange]) -> set[int]:
    """Places of exchanges after which the same customer came back, in another dialogue."""
    by_customer: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for place, one in enumerate(cluster):
        if one.customer and one.time is not None:
            by_customer[one.customer].append((one.time, place))
    found = set()
    for said in by_customer.values():
        said.sort()
        for (time, place), (later, other) in pairwise(said):
            is_other = cluster[place].dialogue_id != cluster[other].dialogue_id
            if is_other and later - time <= AGAIN_DAYS * DAY:
                found.add(place)
    return found
