"""An hour of mixed load on the three servers: memory, open files, threads and answers stay flat.

python -m benchmarks.soak [--minutes 60] [--every 10] [--only APPLICATION] [--folder DIR]
                        [--out soak.json]

Releases are tiny and trained at the start, so what is watched is the servers and not the models.
Ctrl-C, or SIGTERM, ends it early and keeps what was measured. Beside the JSON stands a
picture, an SVG of the same name. A server that ends, ends the run. Exit code 1: something grows,
a request failed, or a server or its load ended.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import Any

import httpx

from benchmarks.chaos.rounds import Scene
from benchmarks.chaos.running import Running
from benchmarks.chaos.stores import furnish, make_scene
from benchmarks.soak.acts import LOADS, Feed, Load, feed_of
from benchmarks.soak.picture import draw
from benchmarks.soak.sampling import SERIES, Asked, Sampler
from benchmarks.soak.trend import trend

# What must not grow; the log and the database grow with what is asked.
WATCHED = ("memory", "handles", "threads", "p50", "p95")


class Soaked:
    """One server under its load."""

    def __init__(self, load: Load, scene: Scene, seed: int) -> None:
        place = scene.place(f"soak-{load.application}")
        store = furnish(scene, place / "var", load.application)
        self.load = load
        self.asked = Asked()
        self._feed = Feed(feed_of(place))
        self._rng = random.Random(f"{seed}/{load.application}")
        self._over = threading.Event()
        verb = (f"apps.{load.application}", "serve", "--store", store, "--port", 0)
        self.running = Running(*verb, *load.options(scene, place))
        self._address = self.running.address()
        self.sampler = Sampler(self.running, store, self.asked)
        self._thread = threading.Thread(target=self._act, daemon=True)

    def start(self) -> None:
        """Begin to act."""
        self._thread.start()

    def look(self) -> bool:
        """Sample; False, and noted: the server or its load has ended."""
        told = None
        if not self.sampler.sample():
            told = f"the server ended: {self.running.last_words()}"
        elif not self._thread.is_alive():
            told = "the load ended"
        if told:
            self.asked.failed.append(told)
        return told is None

    def stop(self) -> None:
        """End the load, and then the server."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(60)
        self.running.terminate()
        self.running.wait()

    def _act(self) -> None:
        with httpx.Client(base_url=self._address, timeout=60) as client:
            number = 0
            while not self._over.wait(1 / self.load.per_second):
                name, act = self.load.acts[number % len(self.load.acts)]
                number += 1
                try:
                    if self.load.application == "finance_monitor":
                        self._feed.grow(self._rng)
                    self._watch(name, act(client, self._rng, number))
                except Exception as error:
                    # Whatever a reply lacks: it failed, and the load goes on.
                    told = f"{name}: {type(error).__name__}: {error}"
                    self.asked.add(0.0, type(error).__name__, told)

    def _watch(self, name: str, replies: Any) -> None:
        for reply in replies:
            failed = None if reply.is_success else f"{name}: {reply.status_code} {reply.text[:200]}"
            seconds = reply.elapsed.total_seconds()
            self.asked.add(seconds, str(reply.status_code), failed)


def soak(soaked: Sequence[Soaked], seconds: float, every: float) -> bool:
    """Sample until the time is over; False: a server ended, or somebody ended it early."""
    until = monotonic() + seconds
    pause = threading.Event()
    try:
        for one in soaked:
            one.start()
        while monotonic() < until:
            pause.wait(every)
            looks = [one.look() for one in soaked]
            if not all(looks):
                return False
            left = max(until - monotonic(), 0) / 60
            print(f"{len(soaked[0].sampler.hours)} looks, {left:.1f} minutes left", file=sys.stderr)
    except KeyboardInterrupt:
        return False
    return True


def figures(soaked: Sequence[Soaked], *, is_whole: bool) -> dict[str, Any]:
    """What is kept: each series, its trend, and what was asked."""
    found: dict[str, Any] = {"whole": is_whole, "servers": {}}
    for one in soaked:
        sampler = one.sampler
        found["servers"][one.load.application] = {
            "trends": {
                name: asdict(trend(sampler.hours, sampler.series[name])) for name in WATCHED
            },
            "statuses": dict(one.asked.statuses),
            "failed": one.asked.failed,
            "hours": sampler.hours,
            "series": sampler.series,
        }
    return found


def keep(found: dict[str, Any], out: Path) -> None:
    """Write the figures, and the picture beside them."""
    servers = found["servers"]
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    picture = draw(
        {name: one["hours"] for name, one in servers.items()},
        {name: one["series"] for name, one in servers.items()},
        SERIES,
        {
            name: {k: t["verdict"] for k, t in one["trends"].items()}
            for name, one in servers.items()
        },
    )
    out.with_suffix(".svg").write_text(picture, encoding="utf-8")


def show(found: dict[str, Any]) -> bool:
    """Print the table; whether nothing grows and no request failed."""
    is_well = True
    print(f"{'':<18} {'':<8} {'level':>10} {'an hour':>10} {'95 % interval':>24}")
    for server, one in found["servers"].items():
        for name, of in one["trends"].items():
            interval = f"{of['low']:+,.2f} to {of['high']:+,.2f}"
            print(
                f"{server:<18} {name:<8} {of['level']:>10,.1f} {of['slope']:>+10,.2f} "
                f"{interval:>24}  {of['verdict']}"
            )
            is_well &= of["verdict"] != "grows"
        print(f"{server:<18} requests {dict(sorted(one['statuses'].items()))}")
        for told in one["failed"]:
            print(f"{server:<18} failed: {told}")
            is_well = False
    return is_well


def _scene(folder: Path, loads: Sequence[Load]) -> Scene:
    """Small releases of these applications, trained where they are not there yet."""
    files, releases = folder / "files", folder / "releases"
    if all((releases / load.application / "current").exists() for load in loads):
        return Scene(folder, releases, files)
    if files.exists():
        raise SystemExit(f"{folder}: an earlier run did not finish its releases here; delete it")
    print("training small releases", file=sys.stderr, flush=True)
    return make_scene(folder, [load.application for load in loads])


def main(arguments: list[str] | None = None) -> int:
    """Play, sample, print and keep."""
    parser = argparse.ArgumentParser(description="servers under load for an hour: flat or not")
    names = [load.application for load in LOADS]
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two looks")
    parser.add_argument("--only", action="append", choices=names, help="may be repeated")
    parser.add_argument("--folder", type=Path, help="keeps the small releases for other runs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("soak.json"))
    chosen = parser.parse_args(arguments)
    loads = [load for load in LOADS if not chosen.only or load.application in chosen.only]
    with tempfile.TemporaryDirectory(prefix="bizlm-soak-") as folder, ExitStack() as stack:
        # As Ctrl-C: what was measured is kept.
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
        stack.callback(signal.signal, signal.SIGTERM, before)
        scene = _scene(chosen.folder or Path(folder), loads)
        soaked = []
        for load in loads:
            soaked.append(Soaked(load, scene, chosen.seed))
            stack.callback(soaked[-1].stop)
        is_whole = soak(soaked, 60 * chosen.minutes, chosen.every)
        found = figures(soaked, is_whole=is_whole)
        # Before the servers end: one that does not, takes no figures along.
        keep(found, chosen.out)
    return 0 if show(found) else 1


if __name__ == "__main__":
    sys.exit(main())
