"""The promise of the surge detector: false alarms on quiet streams, and delay beside its peers.

python -m benchmarks.surges [--window 1h] [--streams 200] [--promise] [--threads 1]

A stream is 50 keys over 180 days; the budget is one false alarm per 30 days and stream. Its windows
are of an hour, of five minutes (a twentieth of the streams, half the days) or of a day; `--window
several` splits the budget among several widths. For the delays every detector is tuned to the same
rate of false alarms on the same quiet streams, and has its best parameter chosen for it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from apps.finance_monitor.surges.baseline import HOUR
from apps.finance_monitor.surges.budget import parse_budget
from apps.finance_monitor.surges.detector import FEWEST_WINDOWS, HOLD, WARM_UP, SurgeDetector
from benchmarks.harness import RESULTS, parser, report
from benchmarks.surge_peers import PEERS, Peer
from benchmarks.surge_streams import BY_THE_HOUR, KINDS, OTHERS, SPECIAL, draw, kinds_of, means

Array = NDArray[np.float64]
Case = tuple[str, int]
KEYS, DAYS = 50, 180
BUDGET = parse_budget("1 per 30d")
MULTIPLES = (2, 3, 5)
SEVERAL = ((1 / 12, 1.0), (1.0, 24.0), (1 / 12, 1.0, 24.0))


@dataclass(frozen=True)
class Window:
    """How windows of one width are measured.

    Attributes:
        hours: its width.
        rate: negative stories an hour, of the one key whose surges are timed.
        part: of the streams, how many are drawn: narrow windows are many.
        days: of them, and of quiet streams that detectors are tuned on.
        rows: of these streams, of each kind.
        surges: of each kind and multiple.
        learning, watched: hours before the onset, and after it.
    """

    hours: float
    rate: float = 4.0
    part: float = 1.0
    days: int = DAYS
    rows: int = 200
    surges: int = 400
    learning: float = 28 * 24.0
    watched: float = 96.0


WINDOWS = {
    "5min": Window(1 / 12, part=0.05, days=90, rows=60, surges=100),
    "1h": Window(1.0),
    # Days are for what is told of seldom: four stories a day.
    "1d": Window(24.0, rate=1 / 6, rows=1000, learning=56 * 24.0, watched=14 * 24.0),
}


NAMES = {window.hours: name for name, window in WINDOWS.items()}


def false_alarms(
    kind: str,
    streams: int,
    share_test: bool,
    seed: int,
    *,
    days: int = DAYS,
    told: bool = True,
    width: float = 1.0,
) -> dict[str, float]:
    """Alarms per 30 days and stream of 50 keys, with the exact 95 % interval of a Poisson count.

    Args:
        told: whether the detector is given the calendar, of the kind `calendar`.
        width: of a window, hours.
    """
    rng = np.random.default_rng(seed)
    rows = streams * KEYS
    base = np.exp(rng.uniform(np.log(0.1), np.log(8), rows))
    detector = SurgeDetector(width * HOUR)
    detector.grow(rows)
    threshold = BUDGET.threshold(KEYS, width * HOUR)
    alarms, before = 0, np.zeros(rows, bool)
    for window, usual in enumerate(means(kind, base, round(days * 24 / width), width, rng)):
        start = window * width
        calendar = kinds_of(start, rows) if kind == "calendar" else None
        mean = usual if calendar is None else usual * SPECIAL[calendar]
        negative = rng.poisson(mean).astype(float)
        # Where all news is bad the share test is waived, and the count test stands alone.
        others = rng.poisson(OTHERS * base * width).astype(float) if share_test else 0.0
        verdict = detector.judge(
            start * HOUR, negative, negative + others, threshold, kinds=calendar if told else None
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
    widths: tuple[float, ...], streams: int, seed: int, *, days: int = DAYS, kind: str = "steady"
) -> float:
    """Alarms of all widths together per 30 days and stream, the budget being split among them.

    Args:
        widths: of the windows, hours, each a multiple of the first. What two of them see at once
            counts twice here, and once where the monitor makes one alert of it.
    """
    rng = np.random.default_rng(seed)
    rows, narrowest = streams * KEYS, widths[0]
    base = np.exp(rng.uniform(np.log(0.1), np.log(8), rows))
    part = BUDGET.part(len(widths))
    detectors = {width: SurgeDetector(width * HOUR) for width in widths}
    for detector in detectors.values():
        detector.grow(rows)
    held = {width: np.zeros(rows) for width in widths}
    before = {width: np.zeros(rows, bool) for width in widths}
    alarms = 0
    drawn = means(kind, base, round(days * 24 / narrowest), narrowest, rng)
    for window, mean in enumerate(drawn, start=1):
        counts = rng.poisson(mean).astype(float)
        for width, detector in detectors.items():
            held[width] += counts
            if window % round(width / narrowest):
                continue
            start, found = (window * narrowest - width) * HOUR, held[width]
            verdict = detector.judge(start, found, found, part.threshold(KEYS, width * HOUR))
            alarms += int((verdict.alarmed & ~before[width]).sum())
            before[width] = verdict.alarmed & ~verdict.ended
            held[width] = np.zeros(rows)
    return alarms / (streams * days / 30)


def onsets(flags: NDArray[np.bool_], width: float) -> int:
    """Alarms after the warm-up; what follows another within the hold is the same alarm."""
    warm_up, hold = round(max(WARM_UP / width, FEWEST_WINDOWS)), HOLD / width
    total = 0
    for row in flags[warm_up:].T:
        on = np.flatnonzero(row)
        total += int((np.diff(on, prepend=-1e9) > max(1.0, hold)).sum())
    return total


def ours(negative: Array, others: Array, width: float) -> NDArray[np.bool_]:
    """[windows, rows], where our alarm is on."""
    detector = SurgeDetector(width * HOUR)
    detector.grow(negative.shape[1])
    threshold = BUDGET.threshold(KEYS, width * HOUR)
    flags = np.zeros(negative.shape, bool)
    for window, count in enumerate(negative):
        start = window * width * HOUR
        flags[window] = detector.judge(start, count, count + others[window], threshold).alarmed
    return flags


def delays(flags: NDArray[np.bool_], window: Window) -> tuple[float, float]:
    """Mean hours from onset to alarm, counting what was missed as all hours; and the share missed.

    Rows in alarm when the surge begins are left out.
    """
    start = round(window.learning / window.hours)
    free = ~flags[start - max(1, round(HOLD / window.hours)) : start].any(0)
    watched = flags[start:, free]
    hit = watched.any(0)
    first = np.where(hit, (watched.argmax(0) + 1) * window.hours, window.watched)
    return float(first.mean()), float((~hit).mean())


def tune(peer: Peer, quiet: Array, allowed: int, width: float) -> dict[Any, float]:
    """For each parameter the most sensitive level that gives no more alarms than allowed."""
    found: dict[Any, float] = {}
    for parameter in peer.parameters:
        low, high = 0, len(peer.levels) - 1
        while low < high:
            middle = (low + high) // 2
            if onsets(peer.flags(quiet, parameter, peer.levels[middle], width), width) <= allowed:
                high = middle
            else:
                low = middle + 1
        found[parameter] = peer.levels[high]
    return found


def compare(window: Window, kinds: tuple[str, ...], seed: int) -> dict[str, Any]:
    """Mean delay in hours by detector, multiple and kind, all at our rate of false alarms."""
    width, base = window.hours, np.full(window.rows, window.rate)
    size = round(window.days * 24 / width)
    drawn = [draw(kind, base, size, width, seed) for kind in kinds]
    quiet = np.concatenate([negative for negative, _ in drawn], axis=1)
    others = np.concatenate([others for _, others in drawn], axis=1)
    allowed = onsets(ours(quiet, others, width), width)
    years = quiet.shape[1] * window.days / 365
    print(f"tuned on {', '.join(kinds)}: {allowed} alarms in {years:.0f} key-years", flush=True)
    onset = round(window.learning / width)
    watched = {
        (kind, multiple): draw(
            kind,
            np.full(window.surges, window.rate),
            onset + round(window.watched / width),
            width,
            seed + 1,
            multiple=multiple,
            onset=onset,
        )
        for kind in kinds
        if kind != "drifting"
        for multiple in MULTIPLES
    }
    table: dict[str, Any] = {"alarms per key-year": allowed / years}
    mine = {case: delays(ours(*both, width), window) for case, both in watched.items()}
    table["ours"] = _show(mine)
    print(f"  ours: {table['ours']}", flush=True)
    for peer in PEERS:
        best: dict[Case, tuple[float, float]] | None = None
        for parameter, level in tune(peer, quiet, allowed, width).items():
            found = {
                case: delays(peer.flags(negative, parameter, level, width), window)
                for case, (negative, _) in watched.items()
            }
            if best is None or _total(found) < _total(best):
                best = found
        assert best
        table[peer.name] = _show(best)
        print(f"  {peer.name}: {table[peer.name]}", flush=True)
    return table


def _total(found: dict[Case, tuple[float, float]]) -> float:
    return sum(hours for hours, _ in found.values())


def _show(found: dict[Case, tuple[float, float]]) -> dict[str, str]:
    return {
        f"{kind} x{multiple}": f"{hours:.1f} h" + (f" ({missed:.0%} missed)" if missed else "")
        for (kind, multiple), (hours, missed) in found.items()
    }


def _promise(window: Window, streams: int, seed: int) -> dict[str, str]:
    found: dict[str, str] = {}
    drawn, width = max(1, round(streams * window.part)), window.hours
    for kind in KINDS if width >= 1 else (*KINDS, BY_THE_HOUR):
        for share_test in (True, False) if width >= 1 else (True,):
            one = false_alarms(kind, drawn, share_test, seed, days=window.days, width=width)
            name = f"{kind}, {'both tests' if share_test else 'count test alone'}"
            rate, low, high = one["rate"], one["low"], one["high"]
            found[name] = f"{rate:.2f} per 30 days (95 %: {low:.2f} to {high:.2f})"
            print(f"{name}: {found[name]}", flush=True)
    for told in (True, False) if width == 1 else ():
        one = false_alarms("calendar", drawn, False, seed, told=told)
        name = f"holidays and earnings, {'with' if told else 'without'} a calendar"
        found[name] = f"{one['rate']:.2f} per 30 days"
        print(f"{name}: {found[name]}", flush=True)
    return {"streams": str(drawn), **found}


def _several(streams: int, seed: int) -> dict[str, str]:
    """False alarms of several widths under one budget, by the count test alone."""
    found: dict[str, str] = {}
    for widths in SEVERAL:
        narrow = WINDOWS["5min" if widths[0] < 1 else "1h"]
        drawn = max(1, round(streams * narrow.part))
        for kind in KINDS:
            name = f"{' + '.join(NAMES[width] for width in widths)}, {kind}"
            rate = false_alarms_of_widths(widths, drawn, seed, kind=kind, days=narrow.days)
            found[name] = f"{rate:.2f} per 30 days"
            print(f"{name}: {found[name]}", flush=True)
    return found


def main() -> None:
    """Measure windows of one width, print, and keep the figures beside those of the others."""
    arguments = parser("surges: false alarms and delay")
    arguments.add_argument("--streams", type=int, default=200)
    arguments.add_argument("--window", choices=[*WINDOWS, "several"], default="1h")
    arguments.add_argument("--promise", action="store_true", help="false alarms alone, no delays")
    chosen = arguments.parse_args()
    name = chosen.window
    if name == "several":
        metrics: dict[str, Any] = _several(chosen.streams, chosen.seed)
    else:
        window = WINDOWS[name]
        metrics = dict[str, Any](_promise(window, chosen.streams, chosen.seed))
        for told, kinds in (("all kinds", KINDS), ("steady streams", ("steady",))):
            if not chosen.promise:
                metrics[f"delay, tuned on {told}"] = compare(window, kinds, chosen.seed)
    path = RESULTS / "surges.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    cases: dict[str, Any] = {key: kept[key] for key in (*WINDOWS, "several") if key in kept}
    report("surges", {"budget": str(BUDGET), **cases, name: metrics})


if __name__ == "__main__":
    main()
