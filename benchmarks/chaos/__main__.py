"""Everything that can fail, on purpose: nothing lost, nothing doubled, each failure told once.

python -m benchmarks.chaos [--minutes 10] [--turns N] [--only FAULT[/TARGET]] [--seed N] [--out F]

Kills, full and slow disks, jumps of the clock, a dropped database, a partitioned Redis and damaged
files, against all servers and jobs, in turns until the time is over. Releases are tiny and trained
at the start. What each round did goes to a file, a line of JSON each. Exit code 1: a promise was
broken. A fault that cannot be made here is left out, and the reason told.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import monotonic

from benchmarks.chaos.rounds import BrokenError, LeftOutError, Play, Round, Scene


def main(arguments: list[str] | None = None) -> int:
    """Play, print and keep."""
    parser = argparse.ArgumentParser(description="faults on purpose, and what came of them")
    parser.add_argument("--minutes", type=float, default=10.0, help="of rounds; each ends its own")
    parser.add_argument("--turns", type=int, default=1000, help="of all faults, at the most")
    parser.add_argument("--only", action="append", help="a FAULT or FAULT/TARGET; may be repeated")
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time")
    parser.add_argument("--out", type=Path, default=Path("chaos.jsonl"), help="a line for a round")
    chosen = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(10**6) if chosen.seed is None else chosen.seed
    wanted = _wanted(chosen.only)
    print(f"seed {seed}", flush=True)
    from benchmarks.chaos.stores import make_scene
    from tests import databases

    with tempfile.TemporaryDirectory(prefix="bizlm-chaos-") as folder:
        print("training three small releases", file=sys.stderr, flush=True)
        scene = make_scene(Path(folder))
        until = monotonic() + 60 * chosen.minutes
        try:
            rounds, left_out = play(scene, wanted, seed, until, chosen.out, turns=chosen.turns)
        finally:
            databases.servers.close()
    _print(rounds, left_out)
    return int(any(one.broken for one in rounds))


def all_plays() -> list[tuple[str, str, Play]]:
    """Fault, target, and how it is played."""
    from benchmarks.chaos import corrupting, learning, scoring, serving, watching

    rooms = (serving, watching, scoring, learning, corrupting)
    return [one for room in rooms for one in room.plays()]


def play(
    scene: Scene,
    wanted: Sequence[tuple[str, str, Play]],
    seed: int,
    until: float,
    out: Path,
    *,
    turns: int,
) -> tuple[list[Round], dict[str, str]]:
    """Play all in turns, in an order that the seed decides, until the time is over.

    Returns:
        The rounds, and why a fault was left out, by its name.
    """
    rounds: list[Round] = []
    left_out: dict[str, str] = {}
    with out.open("w", encoding="utf-8") as file:
        for turn in range(turns):
            order = list(wanted)
            random.Random(seed + turn).shuffle(order)
            for fault, target, one in order:
                if monotonic() > until:
                    return rounds, left_out
                if fault in left_out:
                    continue
                try:
                    for found in _rounds(scene, fault, target, one, seed + turn):
                        rounds.append(found)
                        print(found.to_json(), file=file, flush=True)
                        told = found.broken or "kept"
                        print(f"{fault} / {target}: {told}", file=sys.stderr, flush=True)
                except LeftOutError as reason:
                    left_out[fault] = str(reason)
            if {fault for fault, *_ in wanted} <= left_out.keys():
                break
    return rounds, left_out


def _rounds(scene: Scene, fault: str, target: str, one: Play, seed: int) -> Iterator[Round]:
    began, number = monotonic(), 0
    rng = random.Random(f"{seed}/{fault}/{target}")
    try:
        for number, what in enumerate(one(scene, rng), 1):
            yield Round(fault, target, seed, number, round(monotonic() - began, 1), what)
            began = monotonic()
    except LeftOutError:
        raise
    except Exception as error:
        seconds = round(monotonic() - began, 1)
        # Looking at what came of a fault fails where something is missing.
        told = str(error) if isinstance(error, BrokenError) else f"{type(error).__name__}: {error}"
        yield Round(fault, target, seed, number + 1, seconds, {}, told)


def _wanted(only: Sequence[str] | None) -> list[tuple[str, str, Play]]:
    plays = all_plays()
    if not only:
        return plays
    names = {fault for fault, *_ in plays} | {f"{fault}/{target}" for fault, target, _ in plays}
    if unknown := [one for one in only if one not in names]:
        raise SystemExit(f"--only {unknown[0]}: there are {', '.join(sorted(names))}")
    return [one for one in plays if {one[0], f"{one[0]}/{one[1]}"} & {*only}]


def _print(rounds: Sequence[Round], left_out: dict[str, str]) -> None:
    table: dict[tuple[str, str], list[Round]] = defaultdict(list)
    for one in rounds:
        table[one.fault, one.target].append(one)
    for fault in sorted({fault for fault, _ in table}):
        found = [one for one in rounds if one.fault == fault]
        print(f"{fault:<18} {'':<36} {_kept(found)}")
        for (name, target), some in sorted(table.items()):
            if name == fault:
                print(f"{'':<18} {target:<36} {_kept(some)}")
    for fault, reason in left_out.items():
        print(f"{fault:<18} left out: {reason}")
    for one in rounds:
        if one.broken:
            place = f"--seed {one.seed} --only '{one.fault}/{one.target}'"
            print(f"broken, round {one.number} ({place}): {one.broken}")


def _kept(rounds: Sequence[Round]) -> str:
    return f"{sum(one.broken is None for one in rounds)} of {len(rounds)}"


if __name__ == "__main__":
    sys.exit(main())
