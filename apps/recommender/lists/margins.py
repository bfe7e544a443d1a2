"""What items earn the shop: the profitable ones higher among those that suit nearly as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.lists.affordable import Choice, Floats, choose_affordable
from apps.recommender.lists.diversity import FIRST, Int32, Mask, stretched
from apps.recommender.ranking.probabilities import Probabilities
from apps.recommender.retrieval.candidates import Candidates
from common.errors import UserError
from common.evaluation.ranking import ndcg_at_k

Float32 = NDArray[np.float32]

# Margin alone orders no list: what suits nobody earns nothing.
WEIGHTS = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)


def earnings(
    scores: Float32, candidates: Candidates, probabilities: Probabilities, catalogue: Catalogue
) -> Floats | None:
    """[rows, places], what the shop is expected to earn by each candidate: p(sold) × margin.

    Returns:
        None: no margin is known.
    """
    margin, (sold, _) = catalogue.margin_or_median, probabilities.sale
    return None if margin is None else sold(scores) * margin[np.maximum(candidates.item, 0)]


def with_margins(scores: Float32, earned: Floats, weight: float) -> Float32:
    """Scores in another order: the profitable items higher among the best `FIRST` of each list.

    The order is that of (1 − weight) · score + weight · what is earned, both stretched to 0…1
    within these places; those behind stay where they are. The scores of a list stay the same
    numbers, given to other places of it, so that diversity weighs against them as it was chosen to.

    Args:
        scores: [users, places]; -inf where there is no candidate.
        earned: [users, places], what the shop is expected to earn by each: p(sold) × margin.
        weight: from 0, where nothing changes, to below 1.
    """
    if not weight:
        return scores
    head = np.argsort(-scores, axis=1, kind="stable")[:, :FIRST]
    falling = np.take_along_axis(scores, head, 1)
    there: Mask = np.isfinite(falling)
    mixed = (1 - weight) * stretched(np.where(there, falling, 0), there)
    mixed += weight * stretched(np.take_along_axis(earned, head, 1), there)
    order = np.argsort(np.where(there, -mixed, np.inf), axis=1, kind="stable")
    found = scores.copy()
    np.put_along_axis(found, np.take_along_axis(head, order, 1), falling, 1)
    return found


def check_margins(catalogue: Catalogue, max_ndcg_loss: float | None) -> None:
    """Refuse to weigh what is not known.

    Raises:
        UserError: margins are to count, and no item has one.
    """
    if max_ndcg_loss is not None and catalogue.margin_or_median is None:
        raise UserError(
            f"--margin-ndcg-loss {max_ndcg_loss:g}: no item has a margin",
            hint="Add a column `margin` to the items, what one sale earns, or name yours: "
            "--map items.margin=profit.",
        )


@dataclass(frozen=True)
class MarginChoice:
    """The weight of margins, and what each that was tried gives.

    Attributes:
        choice: `gained` is what a list is expected to earn in its first places.
        realised: weight → what was earned by what users then took of these places, a list.
        max_ndcg_loss: what it may cost.
    """

    choice: Choice
    realised: dict[float, float]
    max_ndcg_loss: float

    @property
    def sentence(self) -> str:
        """What was chosen and what it costs and earns, for a person."""
        one, plain = self.choice.chosen, self.choice.trials[0]
        if not one.weight:
            return (
                "Margins count for nothing: no weight is shown to cost at most "
                f"{self.max_ndcg_loss:.1%} of nDCG@10 and expected to earn more."
            )
        taken = self.realised
        return (
            f"Margins weigh {one.weight:g}: a list is expected to earn {one.gained:.4g} in place "
            f"of {plain.gained:.4g} (by what users took, {taken[one.weight]:.4g} in place of "
            f"{taken[0.0]:.4g}); nDCG@10 changes by {-one.cost:+.1%}, at worst by {-one.most:+.1%} "
            "(95 %). All of that before the test."
        )

    def to_json(self) -> dict[str, Any]:
        """For the manifest."""
        tried = [
            asdict(one) | {"realised": self.realised[one.weight]} for one in self.choice.trials
        ]
        return {
            "max_ndcg_loss": self.max_ndcg_loss,
            "weight": self.choice.weight,
            "tried": tried,
            "sentence": self.sentence,
        }


def not_weighed(earlier: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """For the manifest where no item has a margin any more: the price of an earlier one alone."""
    return earlier and {
        "max_ndcg_loss": earlier["max_ndcg_loss"],
        "weight": 0.0,
        "tried": [],
        "sentence": "Margins count for nothing: no item has one.",
    }


def choose_margin_weight(
    order: Callable[[float], Int32],
    earned: Floats,
    margin: Floats,
    hits: Mask,
    sold: Mask,
    relevant: NDArray[np.integer[Any]],
    max_ndcg_loss: float,
) -> MarginChoice:
    """The weight by which lists are expected to earn most, at a cost in nDCG that is agreed to.

    Args:
        order: a weight → [users, k] places in the order that users are shown, -1 behind the end.
        earned: [users, places], what each candidate is expected to earn.
        margin: [users, places], what a sale of each candidate earns.
        hits: [users, places], whether the candidate turned out to be right.
        sold: [users, places], whether it earned its margin.
        relevant: [users], how many items are right for each.
    """
    realised: dict[float, float] = {}

    def attempt(weight: float) -> tuple[Floats, float]:
        places = order(weight)
        taken, is_there = np.maximum(places, 0), places >= 0

        def shown(values: NDArray[Any]) -> NDArray[Any]:
            return np.where(is_there, np.take_along_axis(values, taken, 1), 0)

        realised[weight] = float(shown(np.where(sold, margin, 0)).sum(1).mean())
        ndcg = ndcg_at_k(shown(hits).astype(np.bool_), relevant, places.shape[1])
        return ndcg, float(shown(earned).sum(1).mean())

    choice = choose_affordable(attempt, WEIGHTS, max_ndcg_loss)
    return MarginChoice(choice, realised, max_ndcg_loss)
