"""What a training run shows: the table in the terminal and the page in the release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from apps.finance_monitor import evaluate
from apps.finance_monitor.evaluate import Outcome
from apps.finance_monitor.schema import SENTIMENTS
from common.evaluation.calibration import reliability
from common.evaluation.compare import Difference
from common.evaluation.linear import LinearPeer
from common.evaluation.report import (
    Section,
    confusion_picture,
    learning_section,
    reliability_picture,
    write_report,
)
from common.models.encoder import Encoder
from common.records.audit import Audit
from common.tuning.finetune import Tuned

if TYPE_CHECKING:
    from rich.table import Table

LABELS = {
    "texts": "texts",
    "sentiment_f1": "sentiment, weighted F1",
    "sentiment_macro_f1": "sentiment, macro F1",
    "sentiment_accuracy": "sentiment, accuracy",
    "topic_f1": "topics, micro F1",
    "target_accuracy": "sentiment towards a company, accuracy",
    "calibration_error": "calibration error",
}
MOST_SOURCES = 12


def show(name: str, value: float | None) -> str:
    """One figure for a person."""
    if value is None:
        return "–"
    if name == "texts":
        return f"{value:.0f}"
    return f"{value:.1%}" if name.endswith("accuracy") else f"{value:.3f}"


def metrics(columns: Mapping[str, Mapping[str, float]], title: str) -> Table:
    """One column of metrics for each name: before and after, or each language."""
    from rich.table import Table

    table = Table("", title=title, title_justify="left")
    for name in columns:
        table.add_column(name, justify="right")
    for row in metric_rows(columns):
        table.add_row(*row)
    return table


def metric_rows(columns: Mapping[str, Mapping[str, float]]) -> list[list[str]]:
    """A row for each figure that a column has: its label, and what each column has of it."""
    return [
        [label, *(show(name, column.get(name)) for column in columns.values())]
        for name, label in LABELS.items()
        if any(name in column for column in columns.values())
    ]


def beside(
    before: dict[str, float], after: dict[str, float], peer: LinearPeer | None
) -> dict[str, dict[str, float]]:
    """Columns of metrics: before, a linear model, after."""
    linear = {"linear model": peer.metrics} if peer else {}
    return {"before": before, **linear, "after": after}


def beside_new(
    before: Sequence[Outcome], after: Sequence[Outcome], old: int
) -> dict[str, dict[str, float]]:
    """Columns of metrics, of a release that was trained further: the first `old` are old records.

    What the release before it could not know is wrong, or, without its label, not measured.
    """
    return {
        "old, before": evaluate.summarise(before[:old]),
        "old, after": evaluate.summarise(after[:old]),
        "new, before": evaluate.summarise(before[old:]),
        "new, after": evaluate.summarise(after[old:]),
    }


def write_training_report(
    path: Path,
    *,
    tuned: Tuned[Encoder],
    monitor: str,
    audit: Audit,
    before: Sequence[Outcome],
    after: Sequence[Outcome],
    difference: Difference,
    peer: LinearPeer | None,
    has_test: bool,
    further: Mapping[str, Mapping[str, float]] | None = None,
) -> None:
    """Write the page of one run; `further` as of `beside_new`."""
    columns = beside(evaluate.summarise(before), evaluate.summarise(after), peer)
    held_out = "test texts" if has_test else "validation texts, which chose the model too"
    verdict = "a clear gain" if difference.low > 0 else "no clear difference"
    sections = [
        Section(
            "Before and after fine-tuning",
            f"{f'{peer.text} ' if peer else ''}On {len(after)} {held_out}. "
            f"Right {difference.before:.1%} → {difference.after:.1%} "
            f"(95 % interval of the change {difference.low:+.1%} to {difference.high:+.1%}): "
            f"{verdict}. Trained {tuned.trained_parameters:,} of {tuned.all_parameters:,} "
            f"parameters in {tuned.seconds:.0f} s on {tuned.device} ({tuned.precision}).",
            [["", *columns], *metric_rows(columns)],
        ),
        Section("What it knew, and what is new", table=[["", *further], *metric_rows(further)])
        if further
        else Section(""),
        _grouped("By language", evaluate.by(after, evaluate.language)),
        _grouped("By source", evaluate.by(after, lambda outcome: outcome.example.source)),
        learning_section(tuned.history, monitor),
        Section(
            "Confusion matrix",
            picture=confusion_picture(evaluate.confusion(after).tolist(), SENTIMENTS),
        ),
        _honesty(after),
        _mistakes(after),
        Section(
            "Audit of the training data",
            table=[
                ("", "finding", "count", "for example"),
                *(
                    (f.severity, f.message, str(f.count), "; ".join(f.examples))
                    for f in audit.findings
                ),
            ],
        ),
    ]
    shown = [s for s in sections if s.text or s.table or s.picture]
    write_report(path, "Finance monitor: training report", shown)


def _grouped(title: str, groups: Mapping[str, Sequence[Outcome]]) -> Section:
    largest = sorted(groups, key=lambda name: -len(groups[name]))[:MOST_SOURCES]
    columns = {name: evaluate.summarise(groups[name]) for name in largest}
    return Section(title, table=[["", *columns], *metric_rows(columns)] if columns else ())


def _honesty(outcomes: Sequence[Outcome]) -> Section:
    known = [o for o in outcomes if o.example.sentiment is not None and o.found is not None]
    if not known:
        return Section("Calibration")
    bins = reliability(
        np.array([o.confidence for o in known]), np.array([o.is_right for o in known])
    )
    return Section(
        "Calibration",
        "Stated probability of the sentiment against how often it was right, on held-out texts.",
        picture=reliability_picture(bins),
    )


def _mistakes(outcomes: Sequence[Outcome]) -> Section:
    table = [("text", "right", "found", "confidence")]
    for o in evaluate.mistakes(outcomes):
        table.append((o.example.text, o.label or "–", o.found or "–", f"{o.confidence:.0%}"))
    text = "Most confident first."
    return Section("Remaining mistakes", text, table if len(table) > 1 else ())


def rows_table(rows: Sequence[Sequence[str]], title: str) -> Table:
    """Rows with a header row first, for the terminal."""
    from rich.table import Table

    header, *others = rows
    table = Table(title=title, title_justify="left")
    for name in header:
        # Chinese has no spaces to break at, and a name cut short names nothing.
        table.add_column(name, overflow="fold")
    for row in others:
        table.add_row(*row)
    return table
