"""The sample shop for tests of the command line, which end well."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
from command_line import ROOT, Finished, run_here

SAMPLES = ROOT / "data_samples" / "recommender"
USERS = 90
QUICK = ("--set", "epochs=1", "--device", "cpu", "--precision", "fp32")


def shop(folder: Path, users: int) -> tuple[object, ...]:
    """What a verb is given of the sample shop with its first users alone."""
    for name in ("interactions", "impressions", "users"):
        rows = pl.read_csv(SAMPLES / f"{name}.csv", infer_schema=False)
        rows.filter(pl.col("user_id") <= f"user-{users:03}").write_csv(folder / f"{name}.csv")
    return (
        "--interactions", folder / "interactions.csv",
        "--interactions", folder / "impressions.csv",
        "--items", SAMPLES / "items.jsonl",
        "--users", folder / "users.csv",
    )  # fmt: skip


def succeed(*arguments: object, run: Callable[..., Finished] = run_here) -> Finished:
    """Run a verb, which is expected to end well."""
    done = run("recommender", *arguments)
    assert done.returncode == 0, done.stderr
    return done
