"""Honest probabilities and a promise kept: calibration, and the risk budget of answering."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.finite import require_finite

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FOLDS = 5
# Draws of folds whose probabilities are averaged. The share of questions that the sample data's
# promise lets be answered moved by 1.9 points (standard deviation) with the draw, by 0.6 with ten.
DRAWS = 10
# The sequence of tests begins where this many times the fewest provable answers are given …
FORGIVING = 3
# … and this share of those that are probably right is answered. Of draws of 2,000 records from
# those of the sample data, a third proved nothing before: of the surest one in ten, a few are
# wrong, too.
LEAST_ANSWERED = 0.2
# Probabilities at which an answer may be held back, from the strictest down.
LOWEST = 0.005
THRESHOLDS = np.round(np.arange(0.995, 0.0, -LOWEST), 3)
# Where a label may begin to be named: at a third, the least that the likeliest of three can have,
# none is held back. Fewer records choose by chance.
LEAST_CONFIDENCES = np.round(np.arange(0.33, 0.605, 0.01), 2)
FEWEST_TO_CHOOSE = 50


@dataclass(frozen=True)
class LogisticCalibrator:
    """The probability of being right, from a few standardised features."""

    mean: list[float]
    scale: list[float]
    weight: list[float]
    bias: float

    def probability(self, features: Floats) -> Floats:
        """[records, features] → [records]."""
        standard = (features - np.array(self.mean)) / np.array(self.scale)
        logit = standard @ np.array(self.weight) + self.bias
        return np.asarray(1.0 / (1.0 + np.exp(-logit)))

    def to_json(self) -> dict[str, Any]:
        """Plain values; `LogisticCalibrator(**values)` restores it."""
        return asdict(self)


def fit_calibrator(
    features: Floats, correct: Bools, weight: Floats | None = None
) -> LogisticCalibrator:
    """Logistic regression with an L2 penalty.

    Where all records are right, or all wrong, it states their smoothed share: (k + 1) / (n + 2).

    Args:
        features: [records, features].
        correct: [records].
        weight: [records], how many records each stands for; None: one.
    """
    from sklearn.linear_model import LogisticRegression

    require_finite("calibration", signals=features)
    mean, scale = features.mean(0), features.std(0)
    scale[scale < 1e-6] = 1.0
    if len(set(correct.tolist())) < 2:
        share = (correct.sum() + 1) / (len(correct) + 2)
        flat = [0.0] * features.shape[1]
        return LogisticCalibrator(
            mean.tolist(), scale.tolist(), flat, float(np.log(share / (1 - share)))
        )
    model = LogisticRegression(C=1.0, max_iter=1000)
    model.fit((features - mean) / scale, correct, sample_weight=weight)
    return LogisticCalibrator(
        mean.tolist(), scale.tolist(), model.coef_[0].tolist(), float(model.intercept_[0])
    )


def fit_temperature(logits: Floats, label: NDArray[np.int64]) -> float:
    """The number by which to divide logits so that probabilities are honest.

    Minimises the negative log-likelihood (Guo et al. 2017, arXiv 1706.04599).

    Args:
        logits: [records, classes]; or [records] for a yes or no, with labels 1 and 0.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    require_finite("calibration", logits=logits)
    # A yes or no is two classes, of which one has the logit 0.
    both = logits if logits.ndim == 2 else np.stack([np.zeros_like(logits), logits], axis=1)

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(both / np.exp(log_temperature), axis=1)
        return float(-scaled[np.arange(len(label)), label].mean())

    found = minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded")
    return float(np.exp(found.x))


def fit_mixture(first: Floats, second: Floats, label: NDArray[np.int64]) -> tuple[float, float]:
    """Temperature and weight: (first + weight · second) / temperature is honest.

    Minimises the negative log-likelihood; the weight is at least 0.

    Args:
        first, second: the logits of two models, each as `fit_temperature` takes them.
    """
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    require_finite("calibration", logits=first, further_logits=second)
    logits = [one if one.ndim == 2 else np.stack([0 * one, one], 1) for one in (first, second)]

    def loss(shares: Floats) -> float:
        scaled = log_softmax(shares[0] * logits[0] + shares[1] * logits[1], axis=1)
        return float(-scaled[np.arange(len(label)), label].mean())

    bounds = [(np.exp(-3.0), np.exp(3.0)), (0.0, np.exp(3.0))]
    a, b = minimize(loss, x0=(1.0, 0.5), bounds=bounds).x
    return float(1 / a), float(b / a)


def least_confidence(confidence: Floats, correct: Bools) -> float | None:
    """The probability from which a label is worth naming, if a wrong one costs as two left out.

    Of `LEAST_CONFIDENCES`, .33 to .60, that from which right ones exceed wrong ones by most
    (Chow 1970); of equals the nearest to a half, which is best where probabilities are honest.
    None: too few records to choose by.

    Args:
        confidence: [records], the probability of the likeliest of three labels.
        correct: [records], whether that one is right.
    """
    if len(correct) < FEWEST_TO_CHOOSE:
        return None
    gain = np.where(correct, 1, -1)
    gains = [int(gain[confidence >= least].sum()) for least in LEAST_CONFIDENCES]
    best = LEAST_CONFIDENCES[np.equal(gains, max(gains))]
    return float(best[np.abs(best - 0.5).argmin()])


def out_of_fold_probability(
    features: Floats,
    correct: Bools,
    weight: Floats | None = None,
    *,
    group: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> Floats:
    """Each record's probability by calibrators that did not see it: 5 folds, drawn `DRAWS` times.

    Args:
        weight: as `fit_calibrator` takes it.
        group: [records]; records of one group are in one fold.
    """
    own = np.arange(len(correct)) if group is None else group
    weight = np.ones(len(correct)) if weight is None else weight
    random, groups = np.random.default_rng(seed), np.unique(own)
    probability = np.zeros(len(correct))
    for _ in range(DRAWS):
        for some in np.array_split(random.permutation(groups), min(FOLDS, len(groups))):
            inside = np.isin(own, some)
            others = inside if inside.all() else ~inside
            calibrator = fit_calibrator(features[others], correct[others], weight[others])
            probability[inside] += calibrator.probability(features[inside]) / DRAWS
    return probability


def upper_bound(wrong: int, answered: int, confidence: float = 0.95) -> float:
    """One-sided upper bound of a share (Clopper & Pearson 1934); 1 where nothing was answered."""
    from scipy.stats import beta

    if wrong >= answered:
        return 1.0
    return float(beta.ppf(confidence, wrong + 1, answered - wrong))


@dataclass(frozen=True)
class RiskBudget:
    """A threshold, and what it did on the records it was chosen on.

    `threshold` is None where no threshold keeps the budget: then nothing may be answered.
    """

    budget: float
    threshold: float | None
    answered: int
    wrong: int
    records: int

    @property
    def coverage(self) -> float:
        """Share of the records that were answered."""
        return self.answered / self.records if self.records else 0.0

    @property
    def bound(self) -> float:
        """Upper 95 % bound of the share of wrong answers."""
        return upper_bound(self.wrong, self.answered)


def choose_threshold(
    probability: Floats, correct: Bools, budget: float, needed: float = LOWEST
) -> RiskBudget:
    """The lowest threshold at which the bound of wrong answers keeps within `budget`.

    Thresholds are tested from strict to lenient, stopping at the first one that fails: a fixed
    sequence of tests needs no correction for their number
    (Angelopoulos et al. 2021, Learn then Test, arXiv 2110.01052). The sequence begins where
    enough is answered to forgive a few wrong answers, if there are as many records: at the
    strictest threshold that could prove anything, one wrong answer would end it. Nor does it begin
    before a fifth of what is probably right is answered: what is wrong for no reason that the
    signals show is among the surest, too. Where it begins depends on probabilities alone, never
    on whether what is answered is right. It is assumed that records are independent, and like
    those to come.

    Args:
        probability: [records], as told by calibrators that had not seen the record.
        correct: [records].
        needed: a threshold that is needed anyhow: what is more lenient is not tested, and where so
            little is answered at it, it alone is.
    """
    chosen = RiskBudget(budget, None, 0, 0, len(correct))
    least = _answers_to_prove(budget)
    probable = int((probability >= 0.5).sum())
    enough = max(least, min(FORGIVING * least, len(correct) // 2), LEAST_ANSWERED * probable)
    tested = [*THRESHOLDS[needed < THRESHOLDS].tolist(), needed]
    for threshold in tested:
        answered = probability >= threshold
        count, wrong = int(answered.sum()), int((answered & ~correct).sum())
        if count < enough and threshold != needed:
            continue
        if upper_bound(wrong, count) > budget:
            break
        chosen = RiskBudget(budget, threshold, count, wrong, len(correct))
    return chosen


def _answers_to_prove(budget: float) -> int:
    """Answers, all right, from which the bound first keeps within the budget."""
    return int(np.ceil(np.log(0.05) / np.log(1.0 - budget)))


@dataclass(frozen=True)
class RiskCoverage:
    """For each share of questions answered, surest first, the share of wrong answers."""

    coverage: list[float]
    risk: list[float]

    @property
    def area(self) -> float:
        """Area under the curve; lower is better."""
        return float(np.mean(self.risk)) if self.risk else 0.0


def risk_coverage(probability: Floats, correct: Bools) -> RiskCoverage:
    """The risk–coverage curve (El-Yaniv & Wiener 2010)."""
    order = np.argsort(-probability, kind="stable")
    answered = np.arange(1, len(order) + 1)
    wrong = np.cumsum(~correct[order])
    return RiskCoverage((answered / len(order)).tolist(), (wrong / answered).tolist())


def reliability(probability: Floats, correct: Bools, bins: int = 10) -> list[dict[str, float]]:
    """Stated probability beside observed share, over equally filled bins."""
    order = np.argsort(probability, kind="stable")
    parts: Sequence[Any] = np.array_split(order, min(bins, len(order)))
    return [
        {
            "stated": float(probability[part].mean()),
            "observed": float(correct[part].mean()),
            "records": len(part),
        }
        for part in parts
        if len(part)
    ]
