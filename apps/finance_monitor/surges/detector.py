"""When negative news surges: a sequential test per key, with a promised rate of false alarms.

Two tests run side by side, and an alarm needs both.

The count test asks whether negative stories come 2, 3, 5 or 10 times as often as the baseline
forecasts. For each multiple c it keeps the Shiryaev-Roberts statistic

    R_t = (R_{t-1} + 1) L_t,    L_t = NB(x_t; c m_t, d_t) / NB(x_t; m_t, d_t)

and alarms when their average reaches A. As long as E[L_t | past] <= 1 while nothing happens,
R_t - t is a supermartingale and the mean time to a false alarm is at least A windows (Pollak 1987;
Shin, Ramdas and Rinaldo 2022, "E-detectors", where such sums of e-processes over all possible
onsets are studied in general; Lorden 1971 has the bound e^h for the CUSUM, the maximum in place of
the sum). With K keys that share one budget of B per period, A = K x period / B. That assumes that
windows are independent given the baseline, and that the baseline's mean and dispersion are right;
the second is met only nearly, and `benchmarks/surges.py` measures what that costs.

The share test asks whether the odds of a story being negative are 2 or 4 times the usual: more
news alone is no bad news. It is a condition and not the promise, so its threshold is low.
"""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime

import numpy as np

from apps.finance_monitor.surges.baseline import HOUR, Baseline, level_memory
from apps.finance_monitor.surges.history import Floats, History, kept_after
from apps.finance_monitor.surges.statistics import (
    ODDS,
    Flags,
    Tests,
    average,
    count_evidence,
    step,
)
from apps.finance_monitor.surges.times import Kinds, teaches
from common.finite import require_finite

ONSET_MULTIPLE = 1  # which of them dates the onset of a surge
SHARE_THRESHOLD = 100.0
# A key whose news is nearly always bad cannot get worse by share.
SHARE_WAIVED = 0.8
SHARE_PRIOR = 20.0
# Stories of one key in one window, or in an hour of it, are not independent: ten say as much as
# five.
STORIES_TOGETHER = 0.1
WARM_UP = 72.0  # hours without alarms, for little is known yet
# … but of windows wider than a day at least so many, and likewise for NEW_NORMAL.
FEWEST_WINDOWS = 3
ENDED_BELOW = 1.5  # times the expected count
HOLD = 6.0  # hours so calm before an alarm ends: one that would flap is held open
NEW_NORMAL = 72.0  # hours after which a surge is what is usual


@dataclass(frozen=True)
class Verdict:
    """What the detector says of one window, per key.

    Attributes:
        expected: the baseline's mean for this window.
        surprise: log R of the count test over the log of its threshold; from 1 on it alarms.
        alarmed: the alarm is on, this window included.
        ended: it was on, and is no longer after this window.
        new_normal: it ended because the surge has become what is usual.
        calm: hours at its end in which there was no more than usual.
        since: the likeliest onset, seconds since 1970.
        negative, all, run_expected: stories from the onset on.
    """

    expected: Floats
    surprise: Floats
    alarmed: Flags
    ended: Flags
    new_normal: Flags
    calm: Floats
    since: Floats
    negative: Floats
    all: Floats
    run_expected: Floats


class SurgeDetector:
    """Judges closed windows in the order of time, all keys at once.

    Args:
        width: of a window, seconds.
    """

    def __init__(self, width: float) -> None:
        self.width = width
        self.baseline = Baseline(width)
        self.tests = Tests.empty()
        self._hours = width / HOUR
        self._warm_up = max(WARM_UP, FEWEST_WINDOWS * self._hours)
        self._new_normal = max(NEW_NORMAL, FEWEST_WINDOWS * self._hours)
        self.hours_seen = 0.0

    def __len__(self) -> int:
        return len(self.tests.alarmed)

    def grow(self, size: int) -> None:
        """Make room for `size` keys."""
        known = len(self)
        if known == size:
            return
        self.baseline.grow(size)
        self.tests.grow(size)
        self.tests.counts[known:] = -np.inf
        self.tests.shares[known:] = -np.inf

    def judge(
        self,
        start: float,
        negative: Floats,
        all_: Floats,
        threshold: float,
        learns: bool = True,
        first: Floats | None = None,
        kinds: Kinds | None = None,
    ) -> Verdict:
        """Take in one window of every key.

        Args:
            start: of the window, seconds since 1970.
            negative: [keys], negative stories.
            all_: [keys], all stories.
            threshold: windows between two false alarms of one key: `Budget.threshold`.
            learns: not from an outage of the feed: its silence ends alarms, no more.
            first: [keys], lower thresholds at which alarms begin, for those who ask for more.
            kinds: [keys], of the time: a holiday, of earnings, closed; None: it is like others.

        Raises:
            NonFiniteError: a count or what was learned is no number; no alarm could fire again.
        """
        tests = self.tests
        forecast = self.baseline.forecast(start, kinds)
        evidence = count_evidence(negative, forecast)
        self.hours_seen += self._hours * learns
        warms_up = self.hours_seen <= self._warm_up
        if warms_up:
            # A baseline of a day or two is no measure: evidence is gathered from here on.
            self._end(np.ones(len(self), dtype=np.bool_))
        self._follow_run(start, negative, all_, forecast.mean, evidence)
        tests.counts = step(tests.counts, evidence)
        tests.shares = step(tests.shares, self._share_evidence(negative, all_))
        statistic = average(tests.counts)
        begins = (statistic >= np.log(threshold if first is None else first)) & self._share_is_up()
        # One wide window alone may hold as much evidence as a surge.
        begins &= not warms_up
        alarmed = (tests.alarmed > 0) | begins
        # What comes beyond the usual, less what the usual leaves room for: one story may.
        excess = np.maximum(tests.excess + negative - ENDED_BELOW * forecast.mean, 0.0)
        calm = alarmed & (excess <= 1)
        tests.excess = np.where(calm, excess, 0.0)
        tests.alarmed = np.where(alarmed, tests.alarmed + self._hours, 0.0)
        tests.calm = np.where(calm, tests.calm + self._hours, 0.0)
        tests.surged = np.where(alarmed, tests.surged + negative, 0.0)
        if learns:
            usual = np.where(alarmed, 0.0, 1.0)
            self.baseline.learn(start, negative, forecast, usual, kinds)
            ordinary = usual if kinds is None else usual * teaches(kinds)
            self._learn_share(negative, all_, ordinary)
        new_normal = tests.alarmed >= self._new_normal
        verdict = Verdict(
            expected=forecast.mean,
            surprise=np.maximum(statistic, 0.0) / np.log(threshold),
            alarmed=alarmed,
            ended=(tests.calm >= HOLD) | new_normal,
            new_normal=new_normal,
            calm=tests.calm.copy(),
            since=tests.since,
            negative=tests.run_negative,
            all=tests.run_all,
            run_expected=tests.run_expected,
        )
        self.baseline.start_anew(new_normal, tests.surged, tests.alarmed)
        self._end(verdict.ended)
        self._require_finite(start, verdict)
        return verdict

    def _require_finite(self, start: float, verdict: Verdict) -> None:
        # The logarithm of nothing, -inf, is how a statistic starts.
        counts, shares = (
            np.where(np.isneginf(log_r), 0.0, log_r)
            for log_r in (self.tests.counts, self.tests.shares)
        )
        require_finite(
            f"the detector, after its window from {datetime.fromtimestamp(start, UTC):%F %H:%M}",
            hint="Report this with the feed. The store stays as it was before this window.",
            **{f.name: getattr(self.baseline.history, f.name) for f in fields(History)},
            expected=verdict.expected,
            surprise=verdict.surprise,
            negative=self.tests.negative,
            all=self.tests.all,
            cusum=self.tests.cusum,
            count_statistic=counts,
            share_statistic=shares,
        )

    def _follow_run(
        self, start: float, negative: Floats, all_: Floats, expected: Floats, evidence: Floats
    ) -> None:
        tests = self.tests
        fresh = (tests.cusum <= 0) & (tests.alarmed <= 0)
        tests.since = np.where(fresh, start, tests.since)
        for name, count in (("negative", negative), ("all", all_), ("expected", expected)):
            held = np.where(fresh, 0.0, getattr(tests, f"run_{name}"))
            setattr(tests, f"run_{name}", held + count)
        tests.cusum = np.maximum(tests.cusum + evidence[:, ONSET_MULTIPLE], 0.0)

    def _end(self, ended: Flags) -> None:
        tests = self.tests
        tests.alarmed[ended] = tests.calm[ended] = tests.surged[ended] = 0.0
        tests.counts[ended] = tests.shares[ended] = -np.inf
        tests.cusum[ended] = 0.0

    def _usual_share(self) -> Floats:
        tests = self.tests
        # A quarter of all news is bad, until the key's own says otherwise.
        share = (0.25 * SHARE_PRIOR + tests.negative) / (SHARE_PRIOR + tests.all)
        return np.clip(share, 0.02, 0.98)

    def _share_evidence(self, negative: Floats, all_: Floats) -> Floats:
        share = self._usual_share()[:, None]
        # Of a window wider than an hour, by the hour: what hours apart say is independent.
        together = all_ / max(self._hours, 1.0)
        discount = 1 / (1 + STORIES_TOGETHER * np.maximum(together - 1, 0))[:, None]
        log_ratio = negative[:, None] * np.log(ODDS) - all_[:, None] * np.log1p(share * (ODDS - 1))
        found: Floats = discount * log_ratio
        return found

    def _share_is_up(self) -> Flags:
        flags: Flags = (average(self.tests.shares) >= np.log(SHARE_THRESHOLD)) | (
            self._usual_share() > SHARE_WAIVED
        )
        return flags

    def _learn_share(self, negative: Floats, all_: Floats, usual: Floats) -> None:
        kept = kept_after(usual * self._hours, level_memory(self._hours))
        self.tests.negative = kept * self.tests.negative + usual * negative
        self.tests.all = kept * self.tests.all + usual * all_

    def to_bytes(self) -> bytes:
        """All that it knows, for `from_bytes`."""
        file = io.BytesIO()
        scalars = {
            "width": self.width,
            "hours_seen": self.hours_seen,
            "watched": self.baseline.watched,
            "zones": self.baseline.zones,
        }
        arrays = asdict(self.tests) | asdict(self.baseline.history)
        np.savez(file, scalars=np.array(json.dumps(scalars)), **arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> SurgeDetector:
        """Go on where `to_bytes` was called."""
        with np.load(io.BytesIO(content), allow_pickle=False) as kept:
            scalars = json.loads(str(kept["scalars"]))
            detector = cls(scalars["width"])
            detector.hours_seen = scalars["hours_seen"]
            detector.baseline.watched = scalars["watched"]
            detector.tests = Tests(**{name: kept[name] for name in Tests.__dataclass_fields__})
            history = detector.baseline.history
            history.grow(len(detector))
            # Versions before kept no kinds of days, or fewer, and no zones.
            for name in {*History.__dataclass_fields__} & {*kept.files}:
                setattr(history, name, _widened(kept[name], getattr(history, name)))
            detector.baseline.zones = scalars.get("zones", ["UTC"] * len(detector))
        return detector


def _widened(kept: Floats, empty: Floats) -> Floats:
    """With the columns that have been added since."""
    if kept.shape == empty.shape:
        return kept
    wider = empty.copy()
    wider[:, : kept.shape[1]] = kept
    return wider
