"""How often the 95 % interval of `effect` holds the true effect, in worlds whose effects are known.

    python -m benchmarks.effects --out benchmarks/results/effects.json

A run that was stopped goes on where it stood. All of it takes a quarter of an hour.
In each world a cause acts on the action and on the outcome: the plain difference misleads.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from scipy.special import expit

from common.console import progress
from common.evaluation.effects.decisions import Decisions, Floats
from common.evaluation.effects.estimating import estimate
from common.files import read_json, write_json

ROWS, WORLDS = 2000, 100


@dataclass(frozen=True)
class World:
    """One draw of a world, and the average effect over its population."""

    decisions: Decisions
    effect: float


def _world(
    random: np.random.Generator,
    causes: Floats,
    chance: Floats,
    without: Floats,
    with_action: Floats,
    effect: float,
    *,
    is_binary: bool,
    unit: Floats | None = None,
    noise: Floats | float = 0.0,
) -> World:
    rows = len(causes)
    treated = (random.random(rows) < chance).astype(float)
    expected = np.where(treated == 1, with_action, without)
    outcome = (
        (random.random(rows) < expected).astype(float)
        if is_binary
        else expected + noise + random.normal(size=rows)
    )
    names = tuple(f"x{n}" for n in range(causes.shape[1]))
    numbers = tuple(len(np.unique(column)) > 2 for column in causes.T)
    units = np.arange(rows) if unit is None else unit
    return World(Decisions(treated, outcome, causes, names, numbers, units.astype(int)), effect)


def linear(random: np.random.Generator, rows: int) -> World:
    """Everything acts in straight lines; the action adds 1."""
    x = random.normal(size=(rows, 3))
    level = x @ [1.0, 0.5, 0.0]
    return _world(random, x, expit(0.8 * x[:, 0] - 0.3), level, level + 1, 1.0, is_binary=False)


def bent(random: np.random.Generator, rows: int) -> World:
    """Causes act in curves; the action adds more for some than for others, 0.5 on the average."""
    x = random.normal(size=(rows, 3))
    level = np.sin(2 * x[:, 0]) + x[:, 1] ** 2 / 2
    chance = expit(np.sin(2 * x[:, 0]) + 0.5 * np.abs(x[:, 1]) - 0.4)
    gain = 0.5 + 0.4 * x[:, 2]
    return _world(random, x, chance, level, level + gain, 0.5, is_binary=False)


def yes_or_no(random: np.random.Generator, rows: int) -> World:
    """A promotion that goes to who buys anyway; a segment, and a purchase or none."""
    segment = random.integers(3, size=rows)
    x = np.stack([random.normal(size=rows), segment == 1, segment == 2], axis=1).astype(float)
    base = -1 + 0.8 * x[:, 0] + 0.7 * x[:, 2]
    chance = expit(0.9 * x[:, 0] + 0.8 * x[:, 2] - 0.5)
    # The effect over the population, by a fine grid over the normal one and the segments.
    grid = np.linspace(-6, 6, 4001)
    weight = np.exp(-(grid**2) / 2)
    gains = [expit(-1 + 0.8 * grid + s + 0.4) - expit(-1 + 0.8 * grid + s) for s in (0, 0, 0.7)]
    effect = float(np.mean([(gain * weight).sum() / weight.sum() for gain in gains]))
    return _world(random, x, chance, expit(base), expit(base + 0.4), effect, is_binary=True)


def no_effect(random: np.random.Generator, rows: int) -> World:
    """The action does nothing, but goes to where the outcome is high."""
    x = random.normal(size=(rows, 4))
    level = x[:, 0] + np.maximum(x[:, 1], 0)
    return _world(random, x, expit(x[:, 0] + x[:, 1]), level, level, 0.0, is_binary=False)


def repeated(random: np.random.Generator, rows: int) -> World:
    """Five decisions of each customer, who have something of their own that no column tells."""
    unit = np.arange(rows) // 5
    customer = random.normal(size=(rows // 5 + 1, 2))[unit]
    x = np.stack([customer[:, 0], random.normal(size=rows)], axis=1)
    level = x[:, 0] + 0.5 * x[:, 1]
    return _world(
        random, x, expit(0.7 * x[:, 0]), level, level + 0.3, 0.3,
        is_binary=False, unit=unit.astype(float), noise=customer[:, 1],
    )  # fmt: skip


WORLDS_BY_NAME: Mapping[str, Callable[[np.random.Generator, int], World]] = MappingProxyType(
    {
        "linear": linear,
        "bent": bent,
        "yes or no": yes_or_no,
        "no effect": no_effect,
        "repeated": repeated,
    }
)


@dataclass(frozen=True)
class Draw:
    """Whether the interval holds the truth, whether the plain one does, the error, the one told."""

    covered: bool
    covered_unadjusted: bool
    error: float
    told_error: float


def drawn(name: str, rows: int, seed: int) -> Draw:
    """One draw of a world, and what is estimated of it."""
    world = WORLDS_BY_NAME[name](np.random.default_rng(seed), rows)
    found = estimate(world.decisions, seed=seed)
    effect, naive = found.effect, found.naive
    return Draw(
        bool(effect.low <= world.effect <= effect.high),
        bool(naive.low <= world.effect <= naive.high),
        float(effect.value - world.effect),
        float(effect.error),
    )


def summary(draws: Sequence[Draw]) -> dict[str, float]:
    """The figures of one world."""
    errors = np.array([one.error for one in draws])
    return {
        "covered": sum(one.covered for one in draws),
        "covered_unadjusted": sum(one.covered_unadjusted for one in draws),
        "worlds": len(draws),
        "bias": round(float(errors.mean()), 4),
        "spread": round(float(errors.std()), 4),
        "told_error": round(float(np.mean([one.told_error for one in draws])), 4),
    }


def main() -> None:
    """Print a row for each world and write all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--worlds", type=int, default=WORLDS)
    parser.add_argument("--only", choices=[*WORLDS_BY_NAME], action="append")
    parser.add_argument("--out", type=Path, help="Those of earlier runs are kept.")
    chosen = parser.parse_args()
    worlds = read_json(chosen.out)["worlds"] if chosen.out and chosen.out.exists() else {}
    kept = chosen.out and chosen.out.with_suffix(f".{chosen.rows}.part")
    draws = read_json(kept) if kept and kept.exists() else {}
    for name in chosen.only or WORLDS_BY_NAME:
        of_world = draws.setdefault(name, [])
        with progress(name, chosen.worlds) as advance:
            advance(min(len(of_world), chosen.worlds))
            for seed in range(len(of_world), chosen.worlds):
                of_world.append(asdict(drawn(name, chosen.rows, seed)))
                if kept:
                    write_json(kept, draws)
                advance()
        worlds[name] = summary([Draw(**one) for one in of_world[: chosen.worlds]])
        print(name, worlds[name], flush=True)
    if chosen.out and kept:
        write_json(chosen.out, {"rows": chosen.rows, "worlds": worlds})
        kept.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
