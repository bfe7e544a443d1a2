"""What all benchmarks share: where the data is, which machine this is, how results are kept."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def parser(description: str) -> argparse.ArgumentParser:
    """Arguments that every benchmark takes."""
    made = argparse.ArgumentParser(description=description)
    data = os.environ.get("BIZLM_BENCHMARK_DATA", "../shared/data")
    made.add_argument("--data", type=Path, default=Path(data), help="folder of the public data")
    made.add_argument("--threads", type=int, default=None, help="default: torch's own choice")
    made.add_argument("--seed", type=int, default=0)
    return made


def add_settings(made: argparse.ArgumentParser) -> None:
    """`--set`, as `train` has it, over a benchmark's own settings."""
    made.add_argument("--set", action="append", metavar="NAME=VALUE", help="may be repeated")


def start(arguments: argparse.Namespace) -> None:
    """Set the threads and check that the data is there."""
    import torch

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    if not arguments.data.is_dir():
        raise SystemExit(f"{arguments.data}: no such folder; name it: --data DIR")


def machine() -> str:
    """Processor, cores and threads in use, for beside a figure."""
    import torch

    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor()
    where = (
        torch.cuda.get_device_name()
        if torch.cuda.is_available()
        else f"{torch.get_num_threads()} threads"
    )
    return f"{name}, {os.cpu_count()} cores, {where}, torch {torch.__version__}"


def report(name: str, metrics: Mapping[str, Any]) -> None:
    """Print a table and keep the figures in `benchmarks/results/NAME.json`."""
    kept = {"machine": machine(), "date": f"{datetime.now(UTC):%Y-%m-%d}", **metrics}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    width = max(len(key) for key in kept)
    print(f"\n{name}")
    for key, value in kept.items():
        shown = f"{value:.4f}" if isinstance(value, float) else value
        print(f"  {key:<{width}}  {shown}")
