"""How `stress` shows and writes what it found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from common.cli import print_json
from common.errors import Exit
from common.evaluation.stress.expectations.expectations_cli import show_expectations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from common.evaluation.stress.contrast import Contrast
    from common.evaluation.stress.expectations.checking import Checked
    from common.evaluation.stress.measuring import Stressed

Out = Annotated[
    Path | None,
    typer.Option("--out", help="A table of the records that were decided otherwise."),
]
Seed = Annotated[int, typer.Option("--seed", help="Of the changes that are drawn.")]


def check_out(out: Path | None) -> None:
    """See that the table can be written, before anything is loaded.

    Raises:
        UserError: its suffix is of no table.
    """
    from common.records.writing import check_writable_as

    if out is not None:
        check_writable_as(out)


def show_stress(
    found: Sequence[Stressed],
    release_id: str,
    out: Path | None,
    *,
    as_json: bool,
    refuse: bool = False,
    pairs: Contrast | None = None,
    expected: Checked | None = None,
) -> None:
    """Print the figures and write the records.

    Args:
        refuse: exit code 3 where instructions were obeyed.
        pairs: what was made of pairs of texts that must be decided otherwise.
        expected: what was made of the user's expectations.
    """
    if out is not None:
        _write(found, expected, out)
    obeyed = [row for one in found for row in one.obeyed]
    if as_json:
        further = {"pairs": pairs.to_json()} if pairs else {}
        further |= {"expectations": expected.to_json()} if expected else {}
        stressed = [one.to_json() for one in found]
        print_json({"release_id": release_id, "stress": stressed, **further})
    else:
        _show(found, release_id, obeyed, pairs)
        if expected:
            show_expectations(expected, release_id)
    if obeyed and refuse:
        raise typer.Exit(Exit.REFUSED)


def _show(
    found: Sequence[Stressed], release_id: str, obeyed: Sequence[int], pairs: Contrast | None
) -> None:
    from common.console import results, say, show_table

    if found:
        show_table(_table(found, release_id))
        results().print("The same decision is expected, but under negation another one.")
    if obeyed:
        say(f"Injected instructions were followed {len(obeyed)} times: see --json.")
    if pairs:
        show_table(_table_of_pairs(pairs, release_id))


def _table_of_pairs(pairs: Contrast, release_id: str) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table("pairs of", title=f"Release {release_id}: pairs of opposite texts")
    for column in ("", "pairs", "both right", "texts right", "decided", "of these both"):
        table.add_column(column, justify="left" if not column else "right")
    rows = [("all", "", pairs.all)]
    for by, groups in pairs.groups.items():
        worst_first = sorted(groups.items(), key=lambda item: item[1].both)
        rows += [(by if not place else "", *item) for place, item in enumerate(worst_first)]
    for by, group, found in rows:
        of_these = "–" if found.both_decided is None else f"{found.both_decided:.1%}"
        shares = (f"{share:.1%}" for share in (found.both, found.texts, found.decided))
        table.add_row(escape(by), escape(group), f"{found.pairs:,}", *shares, of_these)
    return table


def _table(found: Sequence[Stressed], release_id: str) -> Table:
    from rich.table import Table

    table = Table("written otherwise", title=f"Release {release_id} under stress")
    for column in ("records", "figure", "before", "after", "change, 95 % interval", "decided so"):
        table.add_column(column, justify="right")
    for one in found:
        for place, (name, figure) in enumerate(one.figures.items()):
            first = (one.name, f"{one.records:,}") if not place else ("", "")
            mark = " *" if figure.is_clear else ""
            interval = f"{figure.gain:+.3f} ({figure.low:+.3f} to {figure.high:+.3f}){mark}"
            changed = "" if place else f"{1 - one.changed:.1%} as before"
            before, after = f"{figure.before:.3f}", f"{figure.after:.3f}"
            table.add_row(*first, name.replace("_", " "), before, after, interval, changed)
    table.caption = "* more than chance explains"
    return table


def _write(found: Sequence[Stressed], expected: Checked | None, out: Path) -> None:
    from common.records.writing import write_table

    rows = [
        {
            "written_otherwise": stressed.name,
            "record": one.row + 1,
            "text": one.text,
            "written": one.written,
            "decided": one.said,
            "decided_then": one.said_then,
            "turned_wrong": one.fell,
        }
        for stressed in found
        for one in stressed.examples
    ]
    rows += [
        {
            "written_otherwise": one.case.name,
            "text": one.case.texts[0],
            "written": one.case.texts[-1],
            "decided": one.said[0],
            "decided_then": one.said[-1],
            "wanted": one.case.said,
        }
        for one in (expected.failures if expected else ())
    ]
    write_table(out, rows)
