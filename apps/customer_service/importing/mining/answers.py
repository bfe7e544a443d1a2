"""Which reply of a cluster is its answer, and what a person should see of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.customer_service.importing.mining.claims import Claim, camps, claims_of
from apps.customer_service.importing.schema import Exchange

CONTRADICTION, OUTDATED = "contradiction", "outdated"
# Half a dialogue's doubt, whatever speaks for an answer: one dialogue alone proves little.
PRIOR_DOUBT = 0.5
# A reply's own evidence beside its nearness to the others.
OWN_WEIGHT = 0.2
MOST_OTHERS = 5


@dataclass(frozen=True)
class Chosen:
    """The reply taken, what speaks for it, and what other agents said instead.

    Attributes:
        agreeing: places of the replies that say the same, the one taken among them.
    """

    place: int
    agreeing: list[int]
    score: float
    flags: list[str]
    others: list[str]


def choose_answer(
    cluster: Sequence[Exchange], weights: Sequence[float], vectors: NDArray[np.float32]
) -> Chosen:
    """The reply on which the most evidence agrees, or the newest where an amount has changed.

    Of replies that do not contradict each other, the one is taken that is nearest to the others,
    weighed by what speaks for each. The score is the share of the evidence that speaks for it,
    `PRIOR_DOUBT` counted against.

    Args:
        vectors: [exchanges, width] of the replies, of length 1.
    """
    claims = claims_of([one.reply for one in cluster])
    weight = np.array(weights, np.float32)
    places: dict[Claim, list[int]] = defaultdict(list)
    for place, claim in enumerate(claims):
        places[claim].append(place)
    taken = _strongest(camps(claims), places, weight, cluster)
    flags: list[str] = []
    if any(claim.contradicts(other) for claim in places for other in taken):
        newest = _newest_amount(cluster, places)
        taken, flags = (newest, [OUTDATED]) if newest else (taken, [CONTRADICTION])
    camp = sorted(place for claim in taken for place in places[claim])
    others = sorted({*range(len(cluster))} - {*camp})
    best = camp[_most_typical(vectors[camp], weight[camp])]
    speaks = float(weight[camp].sum())
    # What was true once does not speak against what is true now.
    against = 0.0 if flags == [OUTDATED] else float(weight[others].sum())
    said = list(dict.fromkeys(cluster[place].reply for place in others)) if flags else []
    score = speaks / (speaks + against + PRIOR_DOUBT)
    return Chosen(best, camp, score, flags, said[:MOST_OTHERS])


def _most_typical(vectors: NDArray[np.float32], weight: NDArray[np.float32]) -> int:
    mean = (vectors * weight[:, None]).sum(axis=0) / max(float(weight.sum()), 1e-9)
    return int(np.argmax(np.round(vectors @ mean + OWN_WEIGHT * weight, 4)))


def _strongest(
    found: Sequence[list[Claim]],
    places: dict[Claim, list[int]],
    weight: NDArray[np.float32],
    cluster: Sequence[Exchange],
) -> list[Claim]:
    """The claims for which the most evidence speaks; of equals the newer."""

    def strength(camp: list[Claim]) -> tuple[float, float]:
        said = [place for claim in camp for place in places[claim]]
        return round(float(weight[said].sum()), 4), max(cluster[n].time or 0.0 for n in said)

    return max(found, key=strength)


def _newest_amount(
    cluster: Sequence[Exchange], places: dict[Claim, list[int]]
) -> list[Claim] | None:
    """The claims with the newest amount, if there was a day since which no other was named.

    None where some replies have no time, or two amounts are named side by side.
    """
    times = {c: [cluster[n].time for n in said] for c, said in places.items() if c.amounts}
    if not times or any(time is None for said in times.values() for time in said):
        return None
    span = {
        c: (min(t or 0.0 for t in said), max(t or 0.0 for t in said)) for c, said in times.items()
    }
    last = max(span, key=lambda claim: span[claim][1])
    old = [claim for claim in span if claim.differs(last)]
    new = [claim for claim in span if any(claim.differs(one) for one in old) and claim not in old]
    if not old or max(span[c][1] for c in old) >= min(span[c][0] for c in new):
        return None
    kept = [claim for claim in places if claim not in old]
    return None if any(a.contradicts(b) for a in kept for b in kept) else kept
