"""Every way to adapt a model on the same work and budget: a table, and quality against cost.

python -m benchmarks.recipe [--all] [--row NAME] [--work NAME] [--seeds 3] [--processes 2]

What was measured is kept in `results/recipe.jsonl` line by line; the same command goes on after a
stop. `docs/recipe.md` is written from it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from benchmarks.harness import RESULTS, machine, parser
from benchmarks.recipe.document import write_document
from benchmarks.recipe.rows import Row, read_rows
from benchmarks.recipe.work import WORKS
from common.console import progress

MEASURED = RESULTS / "recipe.jsonl"


def main() -> None:
    """Measure what is missing, then write the page."""
    arguments = parser("every technique on the same work")
    arguments.add_argument("--all", action="store_true", help="every row on every work")
    arguments.add_argument("--row", action="append", help="only this one; may be repeated")
    arguments.add_argument("--work", action="append", help="only this one; may be repeated")
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--processes", type=int, default=2, help="of one thread each")
    chosen = arguments.parse_args()
    rows = read_rows()
    wanted = [
        (row, work, seed)
        for seed in range(chosen.seeds)
        for row in rows
        for work in _works(row, chosen)
        if not chosen.row or row.name in chosen.row
    ]
    done = {(one["row"], one["work"], one["seed"], one["settings"]) for one in read_measured()}
    missing = [w for w in wanted if (w[0].name, w[1], w[2], _settings(w[0], w[1])) not in done]
    with (
        ThreadPoolExecutor(chosen.processes) as pool,
        progress("Measuring", len(missing)) as advance,
    ):
        runs = {pool.submit(_run, row, work, seed, chosen.data): row for row, work, seed in missing}
        failed = []
        for run in as_completed(runs):
            advance(1, note=runs[run].name)
            try:
                found = run.result()
            except RowError as error:
                failed.append(str(error))
                continue
            with MEASURED.open("a", encoding="utf-8") as file:
                file.write(json.dumps(found) + "\n")
    write_document(rows, list(read_measured()))
    if failed:
        raise SystemExit("\n\n".join([*failed, f"{len(failed)} runs failed; all others are kept."]))


class RowError(Exception):
    """One run of a row failed; it says which, and why."""


def read_measured() -> Iterator[dict[str, Any]]:
    """One dict a run, the latest last."""
    if MEASURED.exists():
        for line in MEASURED.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def _works(row: Row, chosen: Any) -> list[str]:
    works = list(WORKS) if chosen.all or chosen.row else row.works
    return [name for name in works if not chosen.work or name in chosen.work]


def _settings(row: Row, work: str) -> str:
    return json.dumps({**WORKS[work].settings, **row.settings})


def _run(row: Row, work: str, seed: int, data: Path) -> dict[str, Any]:
    settings = _settings(row, work)
    methods = [row.pretrain] if row.pretrain else []
    given = [work, str(seed), str(data), settings, *methods]
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.recipe.run", *given],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    if ended.returncode:
        raise RowError(f"{row.name} on {work}, seed {seed}: {ended.stderr[-2000:]}")
    figures = json.loads(ended.stdout.splitlines()[-1])
    named = {"row": row.name, "work": work, "seed": seed, "settings": settings}
    return {**named, **figures, "machine": machine()}


if __name__ == "__main__":
    main()
