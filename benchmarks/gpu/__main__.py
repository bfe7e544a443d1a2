"""What one card does in eight minutes, beside what it would do with plain libraries.

python -m benchmarks.gpu [--smoke] [--out FILE] [--minutes 8] [--part NAME]

It needs no network, and no weights: see `models.py`. Exit code 1: a part failed, or a claim does
not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from benchmarks.gpu.bench import SMOKE, Bench, Scale
from benchmarks.gpu.row import Row

# The share of the time that each part may take; what one leaves is for those after it.
SHARES = {
    "models": 0.06,
    "card": 0.04,
    "agreement": 0.18,
    "encoding": 0.20,
    "training": 0.34,
    "search": 0.08,
    "generation": 0.10,
}


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description="one card, beside its plain peers")
    parser.add_argument("--smoke", action="store_true", help="tiny shapes, to see that it runs")
    parser.add_argument("--out", type=Path, default=Path("gpu.json"), help="where the JSON goes")
    parser.add_argument("--minutes", type=float, default=8.0, help="that all parts take together")
    parser.add_argument("--part", action="append", choices=list(SHARES), help="may be repeated")
    chosen = parser.parse_args(arguments)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    # Whether there is a card is asked without touching it: the parts are copies of this process.
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    from benchmarks.gpu.running import run_parts

    wanted = {n: s for n, s in SHARES.items() if n == "models" or n in (chosen.part or SHARES)}
    found: list[tuple[str, Row]] = []
    began = monotonic()
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(
            models=Path(directory) / "models",
            work=Path(directory) / "work",
            scale=SMOKE if chosen.smoke else Scale(),
            is_smoke=chosen.smoke,
            until=began + chosen.minutes * 60,
        )
        for part, row in run_parts(bench, wanted):
            found.append((part, row))
            print(f"{part}: {'  '.join(filter(None, row.cells()))}", file=sys.stderr, flush=True)
            _write(chosen.out, found, monotonic() - began, is_smoke=chosen.smoke)
    _print(found)
    return int(any(row.failed for _, row in found))


def _write(out: Path, found: list[tuple[str, Row]], seconds: float, *, is_smoke: bool) -> None:
    """After each row: a run that is killed leaves what it had."""
    rows = [{"part": part, **row.to_json()} for part, row in found]
    kept = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "smoke": is_smoke,
        "seconds": round(seconds, 1),
        "failed": sum(row.failed for _, row in found),
        "rows": rows,
    }
    out.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def _print(found: list[tuple[str, Row]]) -> None:
    lines = [("part", "what", "figure", "beside", "ratio", "note")]
    lines += [(part, *row.cells()) for part, row in found]
    widths = [max(len(line[i]) for line in lines) for i in range(5)]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=False)]
        print("  ".join([*cells, line[5]]).rstrip())


if __name__ == "__main__":
    sys.exit(main())
