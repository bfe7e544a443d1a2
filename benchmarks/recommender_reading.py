"""Ten million interactions from a CSV file into arrays: rate and peak memory.

python -m benchmarks.recommender_reading [--rows 10000000]

The file is generated into a temporary directory; reading runs in a process of its own.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.harness import parser, report

USERS, ITEMS = 500_000, 50_000


def generate(path: Path, rows: int, seed: int) -> None:
    """Rows with a zone in each time, as a shop would export them."""
    random = np.random.default_rng(seed)
    names = np.array(["browse", "click", "comment", "share", "purchase"])
    with path.open("wb") as file:
        for start in range(0, rows, 1_000_000):
            count = min(1_000_000, rows - start)
            seconds = 1_780_000_000 + random.integers(90 * 86_400, size=count)
            part = pl.DataFrame(
                {
                    "user_id": random.integers(USERS, size=count),
                    "item_id": random.integers(ITEMS, size=count),
                    "behavior": names[random.integers(5, size=count)],
                    "timestamp": pl.from_epoch(pl.Series(seconds)).dt.replace_time_zone("UTC"),
                }
            )
            part = part.with_columns(
                pl.format("user-{}", "user_id").alias("user_id"),
                pl.format("item-{}", "item_id").alias("item_id"),
                pl.col("timestamp").dt.strftime("%Y-%m-%dT%H:%M:%S%:z"),
            )
            part.write_csv(file, include_header=start == 0)


def read(directory: Path) -> None:
    """Read what was generated, and print what it took as JSON."""
    from apps.recommender.data import Sources, read_dataset

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    dataset = read_dataset(Sources([directory / "i.csv"], [directory / "items.csv"]))
    spent = {
        "seconds": time.perf_counter() - began,
        "rows": len(dataset.events),
        "users": len(dataset.user_ids),
        "memory before, MiB": before / 1024,
        "peak memory, MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(spent))


def main() -> None:
    """Generate, read in another process, report."""
    arguments = parser(__doc__ or "")
    arguments.add_argument("--rows", type=int, default=10_000_000)
    arguments.add_argument("--read", type=Path, help=argparse_hidden())
    chosen = arguments.parse_args()
    if chosen.read:
        read(chosen.read)
        return
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        generate(directory / "i.csv", chosen.rows, chosen.seed)
        items = pl.DataFrame({"item_id": [f"item-{n}" for n in range(ITEMS)]})
        items.with_columns(pl.col("item_id").alias("title")).write_csv(directory / "items.csv")
        size = (directory / "i.csv").stat().st_size / 2**20
        command = [sys.executable, "-m", "benchmarks.recommender_reading", "--read", name]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    report(
        "recommender_reading",
        {"file, MiB": size, "rows/s": found["rows"] / found["seconds"], **found},
    )


def argparse_hidden() -> str:
    """Not for people: the process that reads."""
    import argparse

    return argparse.SUPPRESS


if __name__ == "__main__":
    main()
