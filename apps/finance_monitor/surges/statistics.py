"""What the two tests of the surge detector keep of each key, and how they step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.finance_monitor.surges.baseline import Forecast
from apps.finance_monitor.surges.history import Columns, Floats

Flags = NDArray[np.bool_]

MULTIPLES = np.array([2.0, 3.0, 5.0, 10.0])
ODDS = np.array([2.0, 4.0])


@dataclass
class Tests(Columns):
    """Where the two tests of every key stand.

    Attributes:
        counts: [keys, multiples], log R.
        shares: [keys, odds], log R.
        negative, all: stories, forgotten; their quotient is the usual share.
        alarmed: since how many hours the alarm is on; 0: it is not.
        calm: for how many hours of it there was no more than usual.
        excess: stories beyond the usual in those hours.
        surged: negative stories since it is on.
        cusum: log-likelihood ratio of the likeliest onset (Lorden 1971), 0 before any.
        since: that onset, seconds since 1970; `run_` sums are what came from there on.
    """

    counts: Floats
    shares: Floats
    negative: Floats
    all: Floats
    alarmed: Floats
    calm: Floats
    excess: Floats
    surged: Floats
    cusum: Floats
    since: Floats
    run_negative: Floats
    run_all: Floats
    run_expected: Floats

    @classmethod
    def empty(cls) -> Tests:
        """Of no key."""
        row = np.zeros(0)
        return cls(np.zeros((0, len(MULTIPLES))), np.zeros((0, len(ODDS))), *([row] * 11))


def count_evidence(counts: Floats, forecast: Forecast) -> Floats:
    """[keys, multiples], log-likelihood ratio of the multiples against the forecast itself."""
    spread = (forecast.mean * forecast.dispersion)[:, None]
    shrink = np.log1p(spread) - np.log1p(MULTIPLES * spread)
    total = counts[:, None] + 1 / forecast.dispersion[:, None]
    ratio: Floats = counts[:, None] * np.log(MULTIPLES) + total * shrink
    return ratio


def step(log_r: Floats, log_ratio: Floats) -> Floats:
    """R <- (R + 1) L in logarithms."""
    stepped: Floats = np.logaddexp(log_r, 0.0) + log_ratio
    return stepped


def average(log_r: Floats) -> Floats:
    """[keys], log of the mean R over the columns."""
    averaged: Floats = np.logaddexp.reduce(log_r, axis=1) - np.log(log_r.shape[1])
    return averaged
