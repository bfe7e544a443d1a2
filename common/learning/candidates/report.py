"""What `learn` shows: tables in the terminal, and sections of the candidate's page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.evaluation.compare import Difference
from common.evaluation.report import Section, curves_picture, gains_picture
from common.learning.review import Review, Reviewed
from common.learning.watching.state import load_drift

if TYPE_CHECKING:
    from rich.table import Table

    from common.learning.candidates.comparison import Comparison
    from common.learning.candidates.cost import Cost
    from common.learning.watching.shadow import Shadow
    from common.tuning.finetune import Tuned

HEADINGS = ("records", "serving", "candidate", "change, 95 % interval")


def review_table(found: Reviewed) -> Table:
    """What was taken and what was left out, and why."""
    from rich.markup import escape
    from rich.table import Table

    table = Table("what people said", title="Taken and left out", title_justify="left")
    table.add_column("rows", justify="right")
    for what, count in found.rows():
        table.add_row(escape(what), count)
    return table


def comparison_rows(comparison: Comparison, cost: Cost) -> list[tuple[str, ...]]:
    """Records, serving, candidate and the change, for each kind and group, for room and time."""
    held_out = "held out" if comparison.new_is_held_out else "learned"
    kinds = {comparison.fixed: comparison.golden}
    if comparison.new is not None:
        kinds[f"corrected ({held_out})"] = comparison.new
    kinds |= {f"{comparison.fixed}, {name}": one for name, one in comparison.groups.items()}
    kinds |= {f"expected, {name}": one for name, one in comparison.expectations.items()}
    return [*((name, *_figures(difference)) for name, difference in kinds.items()), *cost.rows()]


def comparison_table(comparison: Comparison, cost: Cost) -> Table:
    """The candidate beside the release that serves."""
    from rich.table import Table

    table = Table(comparison.figure, title="Candidate", title_justify="left")
    for name in HEADINGS:
        table.add_column(name, justify="right")
    for row in comparison_rows(comparison, cost):
        table.add_row(*row)
    return table


def learn_sections(
    found: Review,
    comparison: Comparison,
    verdict: str,
    cost: Cost,
    shadow: Shadow | None = None,
    further: Sequence[Section] = (),
) -> list[Section]:
    """What every application's page of a candidate shows; `further` before the long lists."""
    return [
        candidate_section(comparison, verdict, cost),
        *([shadow.section()] if shadow else []),
        *further,
        _texts("Turned right", comparison.turned_right),
        _texts("Turned wrong", comparison.turned_wrong),
        review_section(found),
        Section(
            "Learned from",
            table=[
                ("text", "what is right", "rows"),
                *((one.text, said(one.wanted), str(len(one.feedback_ids))) for one in found.taken),
            ],
        ),
        Section(
            "Left out",
            table=[("text", "why"), *((one.text, one.reason) for one in found.left_out)],
        ),
    ]


def candidate_section(comparison: Comparison, verdict: str, cost: Cost) -> Section:
    """The candidate beside the release that serves."""
    gains = {comparison.fixed: comparison.golden, "corrected": comparison.new, **comparison.groups}
    points = {name: _in_points(gain) for name, gain in gains.items() if gain}
    return Section(
        "Candidate beside the serving release",
        verdict,
        [(comparison.figure, *HEADINGS), *comparison_rows(comparison, cost)],
        gains_picture(points, "percentage points"),
    )


def curves_section(tuned: Tuned[Any] | None) -> list[Section]:
    """How the figure that chose the epoch went, if it was trained by epochs."""
    picture = curves_picture(tuned.history, tuned.monitor.name) if tuned else ""
    return [Section("Learning", picture=picture)] if picture else []


def drift_section(root: Path, release_id: str) -> list[Section]:
    """What came in since the serving release began to serve, as far as a server said so.

    Args:
        root: the directory of the application.
    """
    found = load_drift(root, release_id)
    return [found.section()] if found else []


def review_section(found: Reviewed) -> Section:
    """What was taken and what was left out, and why."""
    return Section("What people said", table=[("", "rows"), *found.rows()])


def said(wanted: dict[str, object]) -> str:
    """What was said to be right, for people to read."""
    lists = (value if isinstance(value, list) else [value] for value in wanted.values())
    return ", ".join(str(one) for values in lists for one in values)


def _texts(title: str, texts: list[str]) -> Section:
    return Section(title, "" if texts else "None.", [(text,) for text in ("", *texts)][1:] or ())


def _figures(difference: Difference) -> tuple[str, str, str, str]:
    return (
        str(difference.records),
        f"{difference.before:.1%}",
        f"{difference.after:.1%}",
        f"{difference.low:+.1%} to {difference.high:+.1%}",
    )


def _in_points(difference: Difference) -> Difference:
    return Difference(
        100 * difference.before,
        100 * difference.after,
        100 * difference.low,
        100 * difference.high,
        difference.records,
    )
