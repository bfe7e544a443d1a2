"""The second stage: a linear order of each query's candidates, corrected by boosted trees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from apps.recommender.interactions.events import Events, Int64
from apps.recommender.ranking.listwise import Linear, fit_linear, linear_of
from apps.recommender.ranking.signals import RISING
from apps.recommender.retrieval.candidates import Candidates
from common.errors import UserError
from common.files import read_json, write_json
from common.finite import require_finite

if TYPE_CHECKING:
    from lightgbm import Booster

Float32 = NDArray[np.float32]

# What a candidate is worth by the strongest thing the user did with it, in the order of BEHAVIORS.
GAINS = np.array([1, 2, 3, 3, 4], np.int8)
TREES, NAMES = "ranker.txt", "ranker.json"
ROUNDS = 300
FOLDS = 5
FEW_ROUNDS = 30
MANY_QUERIES = 900
# With one fold, further trees are not waited for after so many that gained nothing.
PATIENCE = 60
SETTINGS: Mapping[str, Any] = {
    "objective": "lambdarank",
    "metric": "ndcg",
    "eval_at": [10],
    "label_gain": [0, 1, 2, 4, 7],
    "lambdarank_truncation_level": 30,
    "learning_rate": 0.03,
    "num_leaves": 7,
    "min_data_in_leaf": 200,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_bin": 127,
    # The same bytes on every run.
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


@dataclass(frozen=True)
class Ranker:
    """What a score is the sum of, and the names of the features in the order they must come in."""

    linear: Linear
    booster: Booster
    names: list[str]

    @property
    def trees(self) -> int:
        """How many trees correct the linear order."""
        return int(self.booster.num_trees())

    def score(self, features: Float32) -> Float32:
        """[rows, places, features] → [rows, places]; -inf where every feature is NaN."""
        rows, places, width = features.shape
        flat = features.reshape(-1, width)
        there = ~np.isnan(flat).all(1)
        scores = np.full(len(flat), -np.inf, np.float32)
        if there.any():
            scores[there] = self.booster.predict(flat[there], num_threads=1)
            scores[there] += self.linear.score(flat[there])
        return scores.reshape(rows, places)

    def contributions(self, features: Float32) -> Float32:
        """[rows, places, features], what each added to the score.

        Its linear part and its Shapley value of the trees (Lundberg et al. 2018,
        arXiv 1802.03888). The bias, the same for all, is left out.
        """
        rows, places, width = features.shape
        added = self.booster.predict(features.reshape(-1, width), pred_contrib=True, num_threads=1)
        trees = np.asarray(added, np.float32)[:, :-1].reshape(rows, places, width)
        return trees + self.linear.contributions(features)

    def importance(self) -> dict[str, float]:
        """Share of each feature, largest first: half by its weight, half by what splits gain."""
        parts = np.stack([self.linear.weights, self.booster.feature_importance("gain")])
        # Of few lists all may be said by one of them: trees that split nothing, or no weights.
        parts = parts[parts.any(1)]
        shares = (parts / parts.sum(1, keepdims=True)).sum(0) / max(len(parts), 1)
        order = np.argsort(-shares, kind="stable")
        return {self.names[n]: float(shares[n]) for n in order}

    def save(self, directory: Path) -> None:
        """Write LightGBM's own text file, and names and weights, into `directory`."""
        self.booster.save_model(str(directory / TREES))
        write_json(directory / NAMES, {"names": self.names, "linear": self.linear.to_json()})


def load_ranker(directory: Path) -> Ranker:
    """What `Ranker.save` wrote.

    Raises:
        UserError: the file is not a model of LightGBM.
    """
    from lightgbm import Booster
    from lightgbm.basic import LightGBMError

    try:
        booster = Booster(model_file=str(directory / TREES))
    except LightGBMError as error:
        raise UserError(
            "this is not a ranker", where=str(directory / TREES), hint="Train the release again."
        ) from error
    known: dict[str, Any] = read_json(directory / NAMES)
    return Ranker(linear_of(known["linear"]), booster, known["names"])


def train_ranker(
    features: Float32,
    worth: NDArray[np.int8],
    names: Sequence[str],
    *,
    seed: int = 0,
    rounds: int = ROUNDS,
) -> Ranker:
    """LambdaMART (Burges 2010) over the candidates of each query, from a linear order on.

    From some hundred queries trees learn chance, weights of a few features do not: the trees
    begin where the weights end. How many trees are useful is found by cross-validation over whole
    queries; both are then fitted on all of them. Queries none of whose candidates was taken teach
    nothing.

    Args:
        features: [queries, places, features]; all NaN where there is no candidate.
        worth: [queries, places], see `gains`.

    Raises:
        UserError: not one query has a candidate that was taken.
    """
    taught = worth.any(1)
    if not taught.any():
        raise UserError(
            "no candidate of the ranker's stretch of time was taken: there is nothing to learn",
            hint="Give interactions over a longer time, or more candidates.",
        )
    features, worth = features[taught], worth[taught]
    require_finite("the ranker", features=np.where(np.isnan(features), 0.0, features))
    rising = [int(name in RISING) for name in names]
    settings = dict(SETTINGS, seed=seed, monotone_constraints=rising)
    best = _useful_rounds(features, worth, settings, rounds)
    linear = _linear(features, worth, settings)
    return Ranker(linear, _grow(linear, features, worth, settings, best), list(names))


def _linear(features: Float32, worth: NDArray[np.int8], settings: Mapping[str, Any]) -> Linear:
    gain = np.array(settings["label_gain"], np.float64)[worth]
    return fit_linear(features, gain, np.flatnonzero(settings["monotone_constraints"]))


def _useful_rounds(
    features: Float32, worth: NDArray[np.int8], settings: dict[str, Any], rounds: int
) -> int:
    """The number of trees with the best nDCG@10 in the mean over folds."""
    queries = len(features)
    if queries < 2 * FOLDS:
        return FEW_ROUNDS
    order = np.random.default_rng(settings["seed"]).permutation(queries)
    folds = np.array_split(order, FOLDS)
    # Where there are many queries, one fold says enough.
    is_one = queries > MANY_QUERIES
    curves = []
    for fold in folds[: 1 if is_one else FOLDS]:
        rest = np.setdiff1d(order, fold)
        curve: list[float] = []
        linear = _linear(features[rest], worth[rest], settings)
        held_out = features[fold], worth[fold]
        patience = PATIENCE if is_one else rounds
        _grow(linear, features[rest], worth[rest], settings, rounds, held_out, curve, patience)
        curves.append(curve)
    return int(np.mean(curves, axis=0).argmax()) + 1


def _grow(
    linear: Linear,
    features: Float32,
    worth: NDArray[np.int8],
    settings: dict[str, Any],
    rounds: int,
    held_out: tuple[Float32, NDArray[np.int8]] | None = None,
    curve: list[float] | None = None,
    patience: int = ROUNDS,
) -> Booster:
    """Trees; `curve` takes the nDCG@10 of what is held out after each.

    They end after `patience` trees that gained nothing there.
    """
    import lightgbm

    data = _dataset(linear, features, worth)
    if held_out is None or curve is None:
        return lightgbm.train(settings, data, rounds)
    recorded: dict[str, dict[str, list[float]]] = {}
    booster = lightgbm.train(
        settings,
        data,
        rounds,
        valid_sets=[_dataset(linear, *held_out, reference=data)],
        valid_names=["held_out"],
        callbacks=[
            lightgbm.record_evaluation(recorded),
            lightgbm.early_stopping(patience, verbose=False),
        ],
    )
    curve.extend(recorded["held_out"]["ndcg@10"])
    return booster


def _dataset(
    linear: Linear, features: Float32, worth: NDArray[np.int8], reference: Any = None
) -> Any:
    import lightgbm

    there = ~np.isnan(features).all(2)
    rows = features[there]
    return lightgbm.Dataset(
        rows,
        worth[there],
        group=there.sum(1),
        init_score=linear.score(rows),
        reference=reference,
    )


def gains(events: Events, queries: Int64, as_of: Int64, candidates: Candidates) -> NDArray[np.int8]:
    """[rows, places], what each candidate turned out to be worth: 0 where nothing was done.

    Args:
        events: those that are to be foreseen; what was before `as_of` is not counted.
        queries: [rows] numbers of users.
        as_of: [rows] seconds.
    """
    items = max(int(events.item.max(initial=-1)), int(candidates.item.max(initial=-1))) + 1
    row_of = np.full(events.users, -1)
    row_of[queries] = np.arange(len(queries))
    row = row_of[events.user]
    later = (row >= 0) & (events.time >= as_of[np.maximum(row, 0)])
    keys = row[later] * items + events.item[later]
    order = np.lexsort((GAINS[events.behavior[later]], keys))
    keys, worth = keys[order], GAINS[events.behavior[later]][order]
    asked = np.arange(len(queries))[:, None] * items + candidates.item
    # The last of equal keys is worth most.
    place = np.searchsorted(keys, asked, side="right") - 1
    found = (place >= 0) & (candidates.item >= 0)
    found[found] = keys[place[found]] == asked[found]
    return np.where(found, worth[place] if len(worth) else 0, 0).astype(np.int8)
