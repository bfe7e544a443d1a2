"""What few suites hold, in half an hour at most: one table, kept in `results/rare.json`.

    make bench-rare     # python -m benchmarks.rare [--minutes 30] [--store DIR] [--only ROW]

Releases of the sample data are trained in the store where it has none. A row that was measured is
kept: the same command goes on with those that are left (exit code 3), and `--anew` begins again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from benchmarks.harness import RESULTS, machine
from common.console import say, show_table
from common.errors import Exit
from common.files import read_json, write_json

KEPT = RESULTS / "rare.json"
SAMPLES = Path(__file__).parents[1] / "data_samples"
NEWS = SAMPLES / "finance_monitor"
BOOKS = SAMPLES / "recommender"
# Each is told whole in its own file; these are what a table has no place for.
NOT_SHOWN = {"machine", "date", "settings", "texts", "rows", "minutes"}

Figures = Mapping[str, Any]
# The folders, and what each step printed → figures.
Read = Callable[[Mapping[str, str], Sequence[str]], Figures]


@dataclass(frozen=True)
class Step:
    """Arguments of `python -m`; `{store}` and `{data}` stand for the folders.

    `made` is what it makes: where that is there already, the step is passed over.
    """

    arguments: tuple[str, ...]
    made: str | None = None


@dataclass(frozen=True)
class Row:
    """Some figures: the steps that measure them, and how to read what each step printed."""

    steps: Sequence[Step]
    read: Read

    @property
    def missing(self) -> list[str]:
        """Benchmarks that this version has not."""
        modules = {step.arguments[0] for step in self.steps}
        return [name for name in sorted(modules) if find_spec(name) is None]


def _leaves(values: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every figure of a benchmark by the names that lead to it."""
    if isinstance(values, dict):
        for key, value in values.items():
            if name or key not in NOT_SHOWN:
                yield from _leaves(value, f"{name}, {key}" if name else key)
    elif not isinstance(values, list):
        yield name, round(values, 4) if isinstance(values, float) else values


def _kept_as(name: str) -> Read:
    return lambda *_: dict(_leaves(read_json(RESULTS / f"{name}.json")))


def _coverage(folders: Mapping[str, str], _: Sequence[str]) -> Figures:
    worlds = read_json(Path(folders["store"]) / "effects.json")["worlds"].values()
    draws, held, plain = (
        sum(world[name] for world in worlds) for name in ("worlds", "covered", "covered_unadjusted")
    )
    return {
        "the truth inside the 95 % interval": f"{held} of {draws}",
        "inside that of the plain difference": f"{plain} of {draws}",
    }


def _failures(*names: str) -> Read:
    """How many expectations fail, of each `stress --json` among the steps."""

    def read(_: Mapping[str, str], printed: Sequence[str]) -> Figures:
        checked = [
            json.loads(text)["expectations"]["kinds"] for text in printed if '"kinds"' in text
        ]
        return {
            f"{name}, {kind} not met": f"{of['failed']} of {of['cases']}"
            for name, kinds in zip(names, checked, strict=True)
            for kind, of in kinds.items()
        }

    return read


def _stress(application: str, store: str, *further: str, language: str | None = None) -> Step:
    """All expectations of an application's sample data, or those in one language."""
    files = sorted((SAMPLES / application).glob(f"expectations.{language or '*'}.toml"))
    named = [part for path in files for part in ("--expectations", str(path))]
    return Step((f"apps.{application}", "stress", *named, *further, "--store", store, "--json"))


def _news(store: str, *settings: str) -> tuple[Step, Step]:
    """English sample news, learned with these settings, and what is expected of the release."""
    given = [part for one in ("strategy=full", "epochs=4", *settings) for part in ("--set", one)]
    train = (
        *("apps.finance_monitor", "train", "--resume", "--store", store, *given),
        *("--news", str(NEWS / "news.en.jsonl"), "--test", str(NEWS / "test.en.jsonl")),
    )
    made = f"{store}/finance_monitor/current"
    return Step(train, made), _stress("finance_monitor", store, language="en")


ANSWERS = Step(
    ("apps.customer_service", "demo", "--store", "{store}"), "{store}/customer_service/current"
)
LISTS = Step(("apps.recommender", "demo", "--store", "{store}"), "{store}/recommender/current")
SHOP = ("--interactions", str(BOOKS / "interactions.csv"), "--items", str(BOOKS / "items.jsonl"))
EFFECTS = ("benchmarks.effects", "--worlds", "20", "--out", "{store}/effects.json")
FACTS = ("benchmarks.knowledge_graph", "--out", str(RESULTS / "knowledge_graph.json"))
PICTURES = ("benchmarks.pictures", "--questions", "20", "--store", "{store}", "--data", "{data}")
SWAPPED = ("counterfactual=0.5", f"counterfactual_lists={NEWS / 'counterfactual.toml'}")

ROWS: Mapping[str, Row] = MappingProxyType(
    {
        "effects": Row([Step(EFFECTS)], _coverage),
        "expectations": Row(
            [
                *(LISTS, _stress("recommender", "{store}", *SHOP)),
                *(ANSWERS, _stress("customer_service", "{store}")),
            ],
            _failures("recommender", "customer_service"),
        ),
        "pictures": Row([ANSWERS, Step(PICTURES)], _kept_as("pictures")),
        "federated": Row(
            [Step(("benchmarks.federated", "--again", "--data", "{data}"))], _kept_as("federated")
        ),
        "knowledge graph": Row([Step(FACTS)], _kept_as("knowledge_graph")),
        "counterfactual": Row(
            [*_news("{store}/plain"), *_news("{store}/swapped", *SWAPPED)],
            _failures("without counterfactual", "with counterfactual"),
        ),
    }
)


class LeftError(Exception):
    """A row could not be measured; says why."""


def measure(row: Row, folders: Mapping[str, str], until: float) -> Figures:
    """Run the steps of a row, and read its figures.

    Args:
        until: the moment of `time.monotonic` by which it is to be done.

    Raises:
        LeftError: this version lacks a benchmark, a step failed, or the time was over.
    """
    if row.missing:
        raise LeftError(f"there is no {', '.join(row.missing)}")
    printed = []
    for step in row.steps:
        if step.made and Path(step.made.format(**folders)).exists():
            continue
        if (left := until - time.monotonic()) <= 0:
            raise LeftError("the time was over")
        arguments = [part.format(**folders) for part in step.arguments]
        say(f"python -m {' '.join(arguments[:2])} …")
        try:
            done = subprocess.run(
                [sys.executable, "-m", *arguments],
                check=False,
                stdout=subprocess.PIPE,
                text=True,
                timeout=left,
            )
        except subprocess.TimeoutExpired:
            raise LeftError("the time was over") from None
        if done.returncode not in {0, Exit.REFUSED}:
            raise LeftError(f"{arguments[0]} ended with exit code {done.returncode}")
        printed.append(done.stdout)
    return row.read(folders, printed)


def main() -> int:
    """Measure what is left, print the table; exit code 3 where something is left still."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="for all rows together")
    parser.add_argument("--store", type=Path, default=Path("var/rare"), help="of the releases")
    parser.add_argument("--data", default="../shared/data", help="folder of the public data")
    parser.add_argument("--only", choices=[*ROWS], action="append", help="may be repeated")
    parser.add_argument("--anew", action="store_true", help="forget what was measured of them")
    chosen = parser.parse_args()
    until = time.monotonic() + 60 * chosen.minutes
    folders = {"store": str(chosen.store), "data": chosen.data}
    chosen.store.mkdir(parents=True, exist_ok=True)
    wanted = chosen.only or [*ROWS]
    kept = read_json(KEPT) if KEPT.exists() else {}
    if chosen.anew:
        kept = {name: row for name, row in kept.items() if name not in wanted}
    left = {}
    for name in wanted:
        if name in kept:
            continue
        began = time.monotonic()
        try:
            figures = measure(ROWS[name], folders, until)
        except LeftError as error:
            left[name] = str(error)
            continue
        kept[name] = {
            "machine": machine(),
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "minutes": round((time.monotonic() - began) / 60, 1),
            "figures": figures,
        }
        write_json(KEPT, kept)
    _show(kept, left)
    return Exit.REFUSED if left else 0


def _show(kept: Mapping[str, Any], left: Mapping[str, str]) -> None:
    from rich.table import Table

    table = Table("row", "figure", "reached")
    table.add_column("minutes", justify="right")
    for name in ROWS:
        if name in kept:
            for place, (figure, reached) in enumerate(kept[name]["figures"].items()):
                first = (name, str(kept[name]["minutes"])) if not place else ("", "")
                table.add_row(first[0], figure, str(reached), first[1])
        elif name in left:
            table.add_row(name, f"not measured: {left[name]}")
    show_table(table)


if __name__ == "__main__":
    raise SystemExit(main())
