"""What a training run shows: the table in the terminal and the page in the release."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from apps.customer_service import evaluate
from apps.customer_service.evaluate import Outcome
from apps.customer_service.promise.promise import Promise
from common.evaluation.calibration import (
    out_of_fold_probability,
    reliability,
    risk_coverage,
    upper_bound,
)
from common.evaluation.compare import Difference
from common.evaluation.linear import LinearPeer
from common.evaluation.report import (
    Section,
    learning_section,
    reliability_picture,
    risk_coverage_picture,
    write_report,
)
from common.models.encoder import Encoder
from common.records.audit import Audit
from common.tuning.finetune import Tuned

if TYPE_CHECKING:
    from rich.table import Table

LABELS = {
    "questions": "questions",
    "right_first": "right FAQ first",
    "right_in_three": "right FAQ among three",
    "reciprocal_rank": "mean reciprocal rank",
    "intent_accuracy": "intent accuracy",
    "answered": "answered",
    "wrong_among_answered": "wrong among answered",
    "wrong_bound": "… upper 95 % bound",
    "out_of_scope_held_back": "out of scope, not answered",
    "auroc": "in or out of scope, AUROC",
    "calibration_error": "calibration error",
}
# Without a calibrated confidence nothing is answered, so these say nothing of "before".
AFTER_ONLY = {
    "answered",
    "wrong_among_answered",
    "wrong_bound",
    "out_of_scope_held_back",
    "auroc",
    "calibration_error",
}
PLAIN_NUMBERS = {"reciprocal_rank", "auroc", "calibration_error"}
COVERAGE_BUDGETS = (0.01, 0.02, 0.05, 0.1)


def show(name: str, value: float | None) -> str:
    """One figure for a person: a share as a percentage, a count as it is."""
    if value is None:
        return "–"
    if name == "questions":
        return f"{value:.0f}"
    return f"{value:.3f}" if name in PLAIN_NUMBERS else f"{value:.1%}"


def rows(
    before: Mapping[str, float], after: Mapping[str, float], linear: Mapping[str, float]
) -> list[tuple[str, str, str, str]]:
    """Label, before, a linear model, after, for each figure there is."""
    found = []
    for name, label in LABELS.items():
        if name in after:
            old = None if name in AFTER_ONLY else before.get(name)
            shown = (show(name, old), show(name, linear.get(name)), show(name, after[name]))
            found.append((label, *shown))
    return found


def before_and_after(
    before: Mapping[str, float], after: Mapping[str, float], peer: LinearPeer | None
) -> Table:
    """The table that `train` ends with."""
    from rich.table import Table

    table = Table("held-out questions", title="Before and after fine-tuning", title_justify="left")
    table.add_column("before", justify="right")
    table.add_column("linear model", justify="right")
    table.add_column("after", justify="right", style="bold")
    for row in rows(before, after, peer.metrics if peer else {}):
        table.add_row(*row)
    return table


def metrics(columns: Mapping[str, Mapping[str, float]], title: str) -> Table:
    """One column of metrics for each name, e.g. for each language."""
    from rich.table import Table

    table = Table("", title=title, title_justify="left")
    for name in columns:
        table.add_column(name, justify="right")
    for name, label in LABELS.items():
        if any(name in column for column in columns.values()):
            table.add_row(label, *(show(name, column.get(name)) for column in columns.values()))
    return table


def beside_new(
    before: Sequence[Outcome], after: Sequence[Outcome], old: int
) -> dict[str, dict[str, float]]:
    """Columns of metrics, of a release trained further: the first `old` are old questions."""
    return {
        "old, before": evaluate.summarise(before[:old]),
        "old, after": evaluate.summarise(after[:old]),
        **(
            {
                "new, before": evaluate.summarise(before[old:]),
                "new, after": evaluate.summarise(after[old:]),
            }
            if after[old:]
            else {}
        ),
    }


def write_training_report(
    path: Path,
    *,
    tuned: Tuned[Encoder],
    audit: Audit,
    before: Sequence[Outcome],
    after: Sequence[Outcome],
    validation: Sequence[Outcome],
    difference: Difference,
    peer: LinearPeer | None,
    promise: Promise,
    has_test: bool,
    further: Mapping[str, Mapping[str, float]] | None = None,
) -> None:
    """Write the page of one run; `further` as of `beside_new`."""
    summary = evaluate.summarise(after)
    held_out = "test questions" if has_test else "validation questions, which chose the model too"
    verdict = "a clear gain" if difference.low > 0 else "no clear difference"
    sections = [
        Section(
            "Before and after fine-tuning",
            f"{f'{peer.text} ' if peer else ''}On {len(after)} {held_out}. "
            f"Right answers {difference.before:.1%} → "
            f"{difference.after:.1%} (95 % interval of the change {difference.low:+.1%} to "
            f"{difference.high:+.1%}): {verdict}. Trained "
            f"{tuned.trained_parameters:,} of {tuned.all_parameters:,} parameters in "
            f"{tuned.seconds:.0f} s on {tuned.device} ({tuned.precision}).",
            [
                ("", "before", "linear model", "after"),
                *rows(evaluate.summarise(before), summary, peer.metrics if peer else {}),
            ],
        ),
        *([Section("What it knew, and what is new", table=_beside(further))] if further else []),
        *_by_language(after),
        learning_section(tuned.history, tuned.monitor.name),
        _promise(promise),
        *_confidence_sections(validation, after, promise.confidence.budget, summary["answered"]),
        _mistakes(after),
        _confusions(after),
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
    write_report(path, "Customer service: training report", sections)


def _by_language(outcomes: Sequence[Outcome]) -> list[Section]:
    groups = {k: evaluate.summarise(v) for k, v in sorted(evaluate.by_language(outcomes).items())}
    return [Section("By language", table=_beside(groups))] if groups else []


def _beside(columns: Mapping[str, Mapping[str, float]]) -> list[Sequence[str]]:
    table: list[Sequence[str]] = [("", *columns)]
    for name, label in LABELS.items():
        if any(name in column for column in columns.values()):
            table.append((label, *(show(name, column.get(name)) for column in columns.values())))
    return table


def _promise(promise: Promise) -> Section:
    return Section(
        "What is promised, and on which questions it was shown",
        f"{promise.text} Near misses are validation questions, read as if their own FAQ or intent "
        "had never been learned; far questions come with the program. These come nearest to an "
        "answer:",
        [
            ("far question", "confidence"),
            *((text, f"{probability:.0%}") for text, probability in promise.nearest_far()),
        ],
    )


def _confidence_sections(
    validation: Sequence[Outcome], after: Sequence[Outcome], budget: float, answered: float
) -> list[Section]:
    signals = np.stack([outcome.signals for outcome in validation])
    right = np.array([outcome.is_right for outcome in validation])
    probability = out_of_fold_probability(signals, right)
    held_out = np.array([outcome.probability for outcome in after])
    held_out_right = np.array([outcome.is_right for outcome in after])
    curve = risk_coverage(held_out, held_out_right)
    costs = [("wrong answers tolerated", "questions answered", "surest wrong share, 95 % bound")]
    for tolerated in COVERAGE_BUDGETS:
        costs.append(_cost(held_out, held_out_right, tolerated))
    return [
        Section(
            "Calibration",
            "Probabilities of validation questions by a calibrator that did not see them, "
            "against how often the first answer was right.",
            picture=reliability_picture(reliability(probability, right)),
        ),
        Section(
            "What answering more would cost",
            f"Held-out questions, most confident first. --max-wrong {budget:g} chose the threshold "
            f"on validation questions; it answers {answered:.1%} of the held-out ones.",
            costs,
            risk_coverage_picture(curve.coverage, curve.risk, budget=budget, answered=answered),
        ),
    ]


def _cost(probability: object, right: object, tolerated: float) -> tuple[str, str, str]:
    stated, correct = np.asarray(probability), np.asarray(right)
    order = np.argsort(-stated, kind="stable")
    wrong = np.cumsum(~correct[order])
    within = np.flatnonzero(wrong / np.arange(1, len(order) + 1) <= tolerated)
    count = int(within[-1]) + 1 if len(within) else 0
    bound = upper_bound(int(wrong[count - 1]), count) if count else 1.0
    return f"{tolerated:.0%}", f"{count / len(order):.1%}", f"{bound:.1%}"


def _mistakes(outcomes: Sequence[Outcome]) -> Section:
    found = evaluate.mistakes(outcomes)
    table = [("question", "right", "found", "confidence", "decision")]
    for outcome in found:
        first = outcome.candidates[0].faq_id if outcome.candidates else outcome.intent
        right = outcome.example.faq_id or outcome.example.intent
        stated = f"{outcome.probability:.0%}"
        table.append((outcome.example.text, right or "–", first or "–", stated, outcome.decision))
    return Section("Remaining mistakes", "Most confident first.", table if found else ())


def _confusions(outcomes: Sequence[Outcome]) -> Section:
    pairs = Counter(
        (o.example.faq_id or o.example.intent or "", _found(o))
        for o in outcomes
        if o.in_scope and not o.is_right
    )
    table = [("right", "taken for", "times")]
    table += [(right, found, str(times)) for (right, found), times in pairs.most_common(15)]
    return Section("Confusion matrix", table=table if pairs else ())


def _found(outcome: Outcome) -> str:
    if outcome.candidates:
        return outcome.candidates[0].faq_id
    return outcome.intent or "nothing"


def mistakes_table(outcomes: Sequence[Outcome]) -> Table:
    """Most confident mistakes, for the terminal."""
    from rich.markup import escape
    from rich.table import Table

    table = Table("still wrong", title="Most confident mistakes", title_justify="left")
    for name in ("right", "found"):
        table.add_column(name, no_wrap=True)
    table.add_column("confidence", justify="right")
    for outcome in outcomes:
        right = outcome.example.faq_id or outcome.example.intent or ""
        stated = f"{outcome.probability:.0%}"
        found = escape(_found(outcome))
        table.add_row(escape(outcome.example.text), escape(right), found, stated)
    return table
