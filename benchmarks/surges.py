"""The promise of the surge detector: false alarms on quiet streams, and delay beside its peers.

python -m benchmarks.surges [--streams 200] [--threads 1]

A stream is 50 keys over 180 days in windows of an hour; the budget is one false alarm per 30 days
and stream. For the delays every detector is tuned to the same rate of false alarms on the same
quiet streams, and has its best parameter chosen for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from apps.finance_monitor.surges.baseline import HOUR
from apps.finance_monitor.surges.budget import parse_budget
from apps.finance_monitor.surges.detector import HOLD, WARM_UP, SurgeDetector
from apps.finance_monitor.surges.times import EARNINGS, HOLIDAY, ORDINARY
from benchmarks.harness import parser, report
from benchmarks.surge_peers import PEERS, Peer

Array = NDArray[np.float64]
KEYS, DAYS = 50, 180
BUDGET = parse_budget("1 per 30d")
KINDS = ("steady", "overdispersed", "seasonal", "drifting")
# One key, four negative stories an hour, as many streams of each kind.
RATE, TUNING_ROWS, SURGE_ROWS = 4.0, 200, 400
LEARNING_DAYS, WATCHED_HOURS = 28, 96
MULTIPLES = (2, 3, 5)
SPECIAL = np.array([1.0, 0.3, 3.0])  # times the usual: ordinary days, holidays, earnings
OTHERS = 7 / 3  # other stories for each negative one


def means(kind: str, base: Array, hours: int, rng: np.random.Generator) -> Iterator[Array]:
    """The true mean of each key by hour.

    Overdispersed: a gamma factor of variance 0.4 each hour. Seasonal: seven tenths up and down over
    the day, and two fifths at weekends. Drifting: a random walk of 3 % a day.
    """
    walk = np.zeros(len(base))
    for hour in range(hours):
        if kind == "overdispersed":
            yield base * rng.gamma(2.5, 0.4, len(base))
        elif kind == "seasonal":
            weekend = 0.4 if hour // 24 % 7 >= 5 else 1.0
            yield base * weekend * (1 + 0.7 * np.cos(2 * np.pi * (hour % 24 - 13) / 24))
        elif kind == "drifting":
            walk += rng.normal(0, 0.03 / np.sqrt(24), len(base))
            yield base * np.exp(walk)
        else:
            yield base


def kinds_of(hour: int, rows: int) -> NDArray[np.int64]:
    """[rows], what a day is: every twentieth a holiday, every fortieth of a key one of earnings."""
    day = hour // 24
    earnings = (day + np.arange(rows)) % 40 == 7
    return np.where(earnings, EARNINGS, HOLIDAY if day % 20 == 13 else ORDINARY)


def false_alarms(
    kind: str, streams: int, share_test: bool, seed: int, *, days: int = DAYS, told: bool = True
) -> dict[str, float]:
    """Alarms per 30 days and stream of 50 keys, with the exact 95 % interval of a Poisson count.

    Args:
        told: whether the detector is given the calendar, of the kind `calendar`.
    """
    rng = np.random.default_rng(seed)
    rows = streams * KEYS
    base = np.exp(rng.uniform(np.log(0.1), np.log(8), rows))
    detector = SurgeDetector(HOUR)
    detector.grow(rows)
    threshold = BUDGET.threshold(KEYS, HOUR)
    alarms, before = 0, np.zeros(rows, bool)
    for hour, usual in enumerate(means(kind, base, days * 24, rng)):
        calendar = kinds_of(hour, rows) if kind == "calendar" else None
        mean = usual if calendar is None else usual * SPECIAL[calendar]
        negative = rng.poisson(mean).astype(float)
        # Where all news is bad the share test is waived, and the count test stands alone.
        others = rng.poisson(OTHERS * base).astype(float) if share_test else 0.0
        verdict = detector.judge(
            hour * HOUR, negative, negative + others, threshold, kinds=calendar if told else None
        )
        alarms += int((verdict.alarmed & ~before).sum())
        before = verdict.alarmed & ~verdict.ended
    exposure = streams * days / 30
    return {
        "rate": alarms / exposure,
        "low": chi2.ppf(0.025, 2 * alarms) / 2 / exposure if alarms else 0.0,
        "high": chi2.ppf(0.975, 2 * alarms + 2) / 2 / exposure,
    }


def false_alarms_of_widths(
    widths: tuple[int, ...], streams: int, seed: int, *, days: int = DAYS
) -> float:
    """Alarms of all widths together per 30 days and stream, the budget being split among them.

    Args:
        widths: of the windows, hours. What two of them see at once counts twice here, and once
            where the monitor makes one alert of it.
    """
    rng = np.random.default_rng(seed)
    rows = streams * KEYS
    base = np.exp(rng.uniform(np.log(0.1), np.log(8), rows))
    part = BUDGET.part(len(widths))
    detectors = {width: SurgeDetector(width * HOUR) for width in widths}
    for detector in detectors.values():
        detector.grow(rows)
    held = {width: np.zeros(rows) for width in widths}
    before = {width: np.zeros(rows, bool) for width in widths}
    alarms = 0
    for hour in range(days * 24):
        counts = rng.poisson(base).astype(float)
        for width, detector in detectors.items():
            held[width] += counts
            if (hour + 1) % width:
                continue
            start, found = (hour + 1 - width) * HOUR, held[width]
            verdict = detector.judge(start, found, found, part.threshold(KEYS, width * HOUR))
            alarms += int((verdict.alarmed & ~before[width]).sum())
            before[width] = verdict.alarmed & ~verdict.ended
            held[width] = np.zeros(rows)
    return alarms / (streams * days / 30)


def onsets(flags: NDArray[np.bool_]) -> int:
    """Alarms after the warm-up; what follows another within the hold is the same alarm."""
    total = 0
    for row in flags[int(WARM_UP) :].T:
        hours = np.flatnonzero(row)
        total += int((np.diff(hours, prepend=-1e9) > HOLD).sum())
    return total


def ours(negative: Array, others: Array) -> NDArray[np.bool_]:
    """[hours, rows], where our alarm is on."""
    detector = SurgeDetector(HOUR)
    detector.grow(negative.shape[1])
    threshold = BUDGET.threshold(KEYS, HOUR)
    flags = np.zeros(negative.shape, bool)
    for hour, count in enumerate(negative):
        verdict = detector.judge(hour * HOUR, count, count + others[hour], threshold)
        flags[hour] = verdict.alarmed
    return flags


def draw(
    kind: str, rows: int, days: float, seed: int, multiple: float = 1.0
) -> tuple[Array, Array]:
    """Negative and other stories [hours, rows]; the surge begins after the days of learning."""
    rng = np.random.default_rng(seed)
    base = np.full(rows, RATE)
    drawn = []
    for hour, mean in enumerate(means(kind, base, int(days * 24), rng)):
        surges = multiple if hour >= LEARNING_DAYS * 24 else 1.0
        drawn.append((rng.poisson(mean * surges), rng.poisson(mean * OTHERS)))
    negative, others = (np.array(column, dtype=float) for column in zip(*drawn, strict=True))
    return negative, others


def delays(flags: NDArray[np.bool_]) -> tuple[float, float]:
    """Mean hours from onset to alarm, counting what was missed as all hours; and the share missed.

    Rows in alarm when the surge begins are left out.
    """
    start = LEARNING_DAYS * 24
    free = ~flags[start - int(HOLD) : start].any(0)
    watched = flags[start:, free]
    hit = watched.any(0)
    first = np.where(hit, watched.argmax(0) + 1, WATCHED_HOURS)
    return float(first.mean()), float((~hit).mean())


def tune(peer: Peer, quiet: Array, allowed: int) -> dict[Any, float]:
    """For each parameter the most sensitive level that gives no more alarms than allowed."""
    found: dict[Any, float] = {}
    for parameter in peer.parameters:
        low, high = 0, len(peer.levels) - 1
        while low < high:
            middle = (low + high) // 2
            if onsets(peer.flags(quiet, parameter, peer.levels[middle])) <= allowed:
                high = middle
            else:
                low = middle + 1
        found[parameter] = peer.levels[high]
    return found


def compare(kinds: tuple[str, ...], seed: int) -> dict[str, Any]:
    """Mean delay in hours by detector, multiple and kind, all at our rate of false alarms."""
    drawn = [draw(kind, TUNING_ROWS, DAYS, seed) for kind in kinds]
    quiet = np.concatenate([negative for negative, _ in drawn], axis=1)
    allowed = onsets(ours(quiet, np.concatenate([others for _, others in drawn], axis=1)))
    years = quiet.shape[1] * DAYS / 365
    print(f"tuned on {', '.join(kinds)}: {allowed} alarms in {years:.0f} key-years")
    watched = {
        (kind, multiple): draw(
            kind, SURGE_ROWS, LEARNING_DAYS + WATCHED_HOURS / 24, seed + 1, multiple
        )
        for kind in kinds
        if kind != "drifting"
        for multiple in MULTIPLES
    }
    table: dict[str, Any] = {"alarms per key-year": allowed / years}
    mine = {case: delays(ours(*both)) for case, both in watched.items()}
    table["ours"] = _show(mine)
    for peer in PEERS:
        best: dict[Any, tuple[float, float]] | None = None
        for parameter, level in tune(peer, quiet, allowed).items():
            found = {
                case: delays(peer.flags(negative, parameter, level))
                for case, (negative, _) in watched.items()
            }
            if best is None or _total(found) < _total(best):
                best = found
        assert best
        table[peer.name] = _show(best)
        print(f"  {peer.name}: {table[peer.name]}")
    return table


def _total(found: dict[Any, tuple[float, float]]) -> float:
    return sum(hours for hours, _ in found.values())


def _show(found: dict[Any, tuple[float, float]]) -> dict[str, str]:
    return {
        f"{kind} x{multiple}": f"{hours:.1f} h" + (f" ({missed:.0%} missed)" if missed else "")
        for (kind, multiple), (hours, missed) in found.items()
    }


def main() -> None:
    """Measure, print, keep."""
    arguments = parser("surges: false alarms and delay")
    arguments.add_argument("--streams", type=int, default=200)
    chosen = arguments.parse_args()
    metrics: dict[str, Any] = {"streams": chosen.streams, "budget": str(BUDGET)}
    for kind in KINDS:
        for share_test in (True, False):
            found = false_alarms(kind, chosen.streams, share_test, chosen.seed)
            name = f"{kind}, {'both tests' if share_test else 'count test alone'}"
            rate, low, high = found["rate"], found["low"], found["high"]
            metrics[name] = f"{rate:.2f} per 30 days (95 %: {low:.2f} to {high:.2f})"
            print(f"{name}: {metrics[name]}", flush=True)
    for told in (True, False):
        found = false_alarms("calendar", chosen.streams, False, chosen.seed, told=told)
        name = f"holidays and earnings, {'with' if told else 'without'} a calendar"
        metrics[name] = f"{found['rate']:.2f} per 30 days"
        print(f"{name}: {metrics[name]}", flush=True)
    rate = false_alarms_of_widths((1, 24), chosen.streams, chosen.seed)
    metrics["windows of 1 h and 1 d under one budget"] = f"{rate:.2f} per 30 days"
    print(f"windows of 1 h and 1 d under one budget: {rate:.2f} per 30 days", flush=True)
    metrics["delay, tuned on all kinds"] = compare(KINDS, chosen.seed)
    metrics["delay, tuned on steady streams"] = compare(("steady",), chosen.seed)
    report("surges", metrics)


if __name__ == "__main__":
    main()
