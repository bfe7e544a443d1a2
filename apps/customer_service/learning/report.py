"""What `learn` shows: tables in the terminal, and a page in the candidate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from common.evaluation.compare import Difference
from common.evaluation.report import Section, gains_picture, write_report
from common.learning.review import Review

if TYPE_CHECKING:
    from rich.table import Table

    from apps.customer_service.learning.comparison import Comparison
    from apps.customer_service.promise.promise import Promise


def review_rows(found: Review) -> list[tuple[str, str]]:
    """How many rows are learned from, and how many are left out for each reason."""
    rows = sum(len(one.feedback_ids) for one in found.taken)
    taken = (f"learned: {len(found.taken)} corrections", str(rows))
    return [taken, *((f"left out: {why}", str(count)) for why, count in found.reasons.items())]


def review_table(found: Review) -> Table:
    """What was taken and what was left out, and why."""
    from rich.markup import escape
    from rich.table import Table

    table = Table("what people said", title="Corrections", title_justify="left")
    table.add_column("rows", justify="right")
    for what, count in review_rows(found):
        table.add_row(escape(what), count)
    return table


def comparison_rows(comparison: Comparison) -> list[tuple[str, str, str, str, str]]:
    """Questions, serving, candidate and the interval of the change, for each kind."""
    held_out = "held out" if comparison.new_is_held_out else "learned"
    kinds = {"golden": comparison.golden}
    if comparison.new is not None:
        kinds[f"corrected ({held_out})"] = comparison.new
    return [(name, *_figures(difference)) for name, difference in kinds.items()]


def comparison_table(comparison: Comparison) -> Table:
    """The candidate beside the release that serves."""
    from rich.table import Table

    table = Table("right answers on", title="Candidate", title_justify="left")
    for name in ("questions", "serving", "candidate", "change, 95 % interval"):
        table.add_column(name, justify="right")
    for row in comparison_rows(comparison):
        table.add_row(*row)
    return table


def write_learn_report(
    path: Path, found: Review, comparison: Comparison, promise: Promise, verdict: str
) -> None:
    """Write the page of one candidate."""
    gains = {"golden": comparison.golden, "corrected": comparison.new}
    points = {name: _in_points(gain) for name, gain in gains.items() if gain}
    sections = [
        Section(
            "Candidate beside the serving release",
            verdict,
            [
                ("right answers on", "questions", "serving", "candidate", "change"),
                *comparison_rows(comparison),
            ],
            gains_picture(points, "percentage points"),
        ),
        _texts("Turned right", comparison.turned_right),
        _texts("Turned wrong", comparison.turned_wrong),
        Section("What people said", table=[("", "rows"), *review_rows(found)]),
        Section(
            "Learned from",
            table=[
                ("question", "right answer", "rows"),
                *(
                    (one.text, str(one.wanted.get("faq_id") or one.wanted.get("answer")), str(rows))
                    for one in found.taken
                    for rows in [len(one.feedback_ids)]
                ),
            ],
        ),
        Section(
            "Left out",
            table=[("text", "why"), *((one.text, one.reason) for one in found.left_out)],
        ),
        Section("What is promised", promise.text),
    ]
    write_report(path, "Customer service: what was learned", sections)


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
