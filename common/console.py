"""The one console: progress and messages go to stderr, results to stdout."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from time import monotonic
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Column, Table

# A log file wants a line now and then, not a line per step.
PLAIN_LINE_SECONDS = 5.0
# What a column of a table is folded to at the least, and what its borders take.
NARROW, BORDERS = 8, 3


class Advance(Protocol):
    """Called after each finished unit of work."""

    def __call__(self, units: int = 1, *, note: str = "") -> None:
        """Count `units` as done and show `note` beside them."""


@cache
def messages() -> Console:
    """The rich console on stderr."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


@cache
def results() -> Console:
    """The rich console on stdout."""
    from rich.console import Console

    return Console(highlight=False)


def is_log_json() -> bool:
    """Whether a program reads our output, rather than a person."""
    return os.environ.get("BIZLM_LOG") == "json"


def say(text: str) -> None:
    """Write one line of plain text to stderr, markup left as it is.

    With `BIZLM_LOG=json` it is one line of JSON with its time, as those of the servers are.
    """
    if is_log_json():
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {"time": time, "level": "info", "logger": "bizlm", "message": text}
        sys.stderr.write(json.dumps(line, ensure_ascii=False) + "\n")
        sys.stderr.flush()
        return
    messages().print(text, markup=False, soft_wrap=True)


@cache
def say_once(text: str) -> None:
    """As `say`, but no more than once in a process."""
    say(text)


def show_table(table: Table) -> None:
    """Print a table to stdout; nothing in it is cut.

    A column that must be copied from, an id, a path or a command, is one with `no_wrap`, and stays
    in one piece. Others are folded, and where that is not enough, left out from the right, which
    is said. Into a file or a pipe everything goes, however wide.
    """
    from rich.console import Console

    limit = results().width if results().is_terminal or "COLUMNS" in os.environ else None
    for column in table.columns:
        column.overflow = "fold"
        if column.no_wrap:
            column.min_width = _widest(column)
    left_out = []
    while limit and _least_width(table) > limit and (foldable := _foldable(table)):
        left_out.append(str(table.columns.pop(foldable[-1]).header))
    if left_out:
        names = ", ".join(reversed(left_out))
        table.caption = f"Columns left out: {names} (use --json or a wider terminal)"
        table.caption_justify = "left"
    natural = sum(map(_widest, table.columns)) + BORDERS * len(table.columns) + 1
    width = max(limit or natural, _least_width(table))
    Console(file=results().file, highlight=False, width=width).print(table)


def _widest(column: Column) -> int:
    """Cells of the terminal that the longest line of a column takes."""
    from rich.text import Text

    texts = [str(cell) for cell in (column.header, *column.cells)]
    return max(Text.from_markup(line).cell_len for text in texts for line in text.split("\n"))


def _least_width(table: Table) -> int:
    widths = (w if c.no_wrap else min(w, NARROW) for c in table.columns for w in [_widest(c)])
    return sum(widths) + BORDERS * len(table.columns) + 1


def _foldable(table: Table) -> list[int]:
    """Columns that may be left out: all but the first and those to be copied from."""
    return [n for n, column in enumerate(table.columns) if n and not column.no_wrap]


@contextmanager
def progress(what: str, total: int) -> Iterator[Advance]:
    """Show progress with rate and time left; plain lines where stderr is no terminal.

    Yields a function to call with the number of finished units.
    """
    if sys.stderr.isatty() and not is_log_json():
        with _bar(what, total) as advance:
            yield advance
    else:
        yield _plain(what, total)


@contextmanager
def _bar(what: str, total: int) -> Iterator[Advance]:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class RateColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            rate = task.finished_speed or task.speed
            return Text(f"{rate:,.1f}/s" if rate else "")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=messages()) as shown:
        task = shown.add_task(what, total=total, note="")

        def advance(units: int = 1, *, note: str = "") -> None:
            if note:
                shown.update(task, advance=units, note=note)
            else:
                shown.advance(task, units)

        yield advance


def _plain(what: str, total: int) -> Advance:
    started = last_line = monotonic()
    done = 0
    latest_note = ""

    def advance(units: int = 1, *, note: str = "") -> None:
        nonlocal done, last_line, latest_note
        done += units
        latest_note = note or latest_note
        now = monotonic()
        if now - last_line < PLAIN_LINE_SECONDS:
            return
        last_line = now
        rate = done / (now - started)
        left = max(total - done, 0) / rate if rate else 0.0
        say(f"{what}: {done}/{total}, {rate:.1f}/s, {left:.0f} s left {latest_note}".rstrip())

    return advance
