"""What an evaluation shows: the table in the terminal and the sections of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from apps.recommender.comparison.costs import diversity_section, margin_section
from apps.recommender.evaluate import Evaluation, compare, summarise
from apps.recommender.interactions.queries import Queries
from common.evaluation.compare import Difference
from common.evaluation.report import (
    Section,
    gains_picture,
    learning_section,
    reliability_picture,
    write_report,
)
from common.records.audit import Audit

if TYPE_CHECKING:
    from rich.table import Table

    from apps.recommender.comparison.comparison import Comparison
    from apps.recommender.pipeline.second_stage import SecondStage
    from common.models.encoder import Encoder
from common.tuning.finetune import Tuned

LABELS = {
    "ndcg@10": "nDCG@10",
    "recall@50": "recall@50",
    "mrr@10": "MRR@10",
    "coverage": "coverage",
    "diversity": "diversity",
    "novelty": "novelty",
    "gini": "Gini",
}
COMPARED = ("ndcg@10", "recall@50")
FEATURES_SHOWN = 15
# More would not fit beside the methods' names.
COLUMNS_IN_TERMINAL = 4
GROUPS = {"cold_users/": "Cold users", "cold_items/": "Cold items"}
BETTER, WORSE, UNCLEAR = "✓", "✗", " "
MARKS = (
    f"{BETTER} the model is better than this, {WORSE} worse, each only where the 95 % interval "
    "of the difference excludes zero."
)


def show(value: float | None) -> str:
    """One figure for a person."""
    return "–" if value is None or np.isnan(value) else f"{value:.3f}"


def comparison_table(model: Evaluation, baselines: Sequence[Evaluation], title: str) -> Table:
    """One row a method, the model first."""
    from rich.table import Table

    header, *rows = [row[: 1 + COLUMNS_IN_TERMINAL] for row in comparison_rows(model, baselines)]
    table = Table(title=title, title_justify="left", caption=MARKS, caption_justify="left")
    table.add_column(header[0], no_wrap=True)
    for name in header[1:]:
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row, style="bold" if row[0] == model.name else None)
    return table


def comparison_rows(
    model: Evaluation, baselines: Sequence[Evaluation], group: str = ""
) -> list[list[str]]:
    """A header and one row a method, with marks; `group` is `cold_users/` or `cold_items/`."""
    means = {one.name: summarise(one) for one in (model, *baselines)}
    names = [n for n in LABELS if any(group + n in known for known in means.values())]
    found = {n: compare(model, baselines, group + n) for n in names if n in model.metrics}
    rows = [["", *(LABELS[name] for name in names)]]
    for method, known in means.items():
        cells = [
            f"{show(known.get(group + name))} {_mark(found.get(name, {}).get(method))}"
            for name in names
        ]
        rows.append([method, *cells])
    return rows


def _mark(difference: Difference | None) -> str:
    if difference is None or not difference.is_clear:
        return UNCLEAR
    return BETTER if difference.low > 0 else WORSE


def comparison_sections(
    model: Evaluation, baselines: Sequence[Evaluation], queries: Queries
) -> list[Section]:
    """Figures of all methods, what the model gains over each, cold users and items apart."""
    items = len(queries.known_by)
    sections = [
        Section(
            "Compared with the baselines",
            f"{len(queries)} users, each asked once; all of {items:,} items are ranked but those "
            f"a user has met. {MARKS}",
            comparison_rows(model, baselines),
        ),
        *(_gains(model, baselines, figure) for figure in COMPARED),
    ]
    asked = {
        "cold_users/": f"{int(queries.cold_user.sum())} users with fewer than five events.",
        "cold_items/": f"Only items that nobody had met before the cutoff count as right: "
        f"{queries.cold_item_share:.1%} of what users turned to. The lists are the same.",
    }
    for group, title in GROUPS.items():
        rows = comparison_rows(model, baselines, group)
        if len(rows[0]) > 1:
            sections.append(Section(title, f"{asked[group]} {MARKS}", rows))
    return sections


def _gains(model: Evaluation, baselines: Sequence[Evaluation], figure: str) -> Section:
    gains = compare(model, baselines, figure)
    label = LABELS[figure]
    table = [("", f"its {label}", "gain of the model", "95 % interval", "")]
    for name, gain in gains.items():
        interval = f"{gain.low:+.3f} to {gain.high:+.3f}"
        table.append((name, show(gain.before), f"{gain.gain:+.3f}", interval, _verdict(gain)))
    return Section(
        f"Gain in {label}",
        f"Differences of the same users, {model.name} less each other method.",
        table if gains else (),
        gains_picture(gains, label),
    )


def _verdict(gain: Difference) -> str:
    if not gain.is_clear:
        return "no clear difference"
    return "better" if gain.low > 0 else "worse"


def impressions_section(areas: Mapping[str, Mapping[str, float]]) -> Section:
    """Areas under the ROC curve by method, of what was logged as shown.

    Args:
        areas: method → `auc` and `user_auc`, as `evaluate.impression_areas` gives them.
    """
    rows = [[name, show(of.get("auc")), show(of.get("user_auc"))] for name, of in areas.items()]
    return Section(
        "Impressions",
        "How often something that was taken scores above something that was not: over all, and "
        "among what the same user was shown.",
        [["", "AUC", "per-user AUC"], *rows] if rows else (),
    )


def reliability_sections(bins: Mapping[str, Sequence[Mapping[str, float]]]) -> list[Section]:
    """One picture for each kind of behaviour whose probability is stated.

    Args:
        bins: behaviour → bins, as `common.evaluation.calibration.reliability` gives them.
    """
    return [
        Section(
            f"Calibration: the probability of a {behavior}",
            "Stated probability against how often it happened, on a later slice of time.",
            picture=reliability_picture(
                of,
                stated=f"stated probability of a {behavior}",
                observed=f"share with a {behavior}",
            ),
        )
        for behavior, of in bins.items()
        if of
    ]


def write_training_report(
    path: Path,
    *,
    tuned: Tuned[Encoder],
    monitor: str,
    audit: Audit,
    comparison: Comparison,
    stage: SecondStage,
    stayed: str = "",
) -> None:
    """Write the page of one run.

    Args:
        stayed: as of `FirstStage`.
    """
    gain = compare(comparison.model, [comparison.before])[comparison.before.name]
    model, others, queries = comparison.model, comparison.others, comparison.queries
    sections = [
        Section(
            "Before and after",
            f"nDCG@10 of {len(queries)} users {gain.before:.3f} → {gain.after:.3f} (95 % interval "
            f"of the change {gain.low:+.3f} to {gain.high:+.3f}), from the pretrained text score "
            f"to the whole recommender. Trained {tuned.trained_parameters:,} of "
            f"{tuned.all_parameters:,} parameters in {tuned.seconds:.0f} s on {tuned.device} "
            f"({tuned.precision}). {stayed}".rstrip(),
        ),
        Section("Beside what is simple", stage.judgement.sentence),
        *comparison_sections(model, others, queries),
        impressions_section(comparison.shown),
        learning_section(tuned.history, monitor),
        _importance_section(stage),
        *reliability_sections(comparison.bins),
        _cold_section(stage),
        diversity_section(stage, comparison),
        margin_section(stage, comparison),
        Section("Audit of the data", table=_audit_rows(audit)),
    ]
    shown = [s for s in sections if s.text or s.table or s.picture]
    write_report(path, "Recommender: training report", shown)


def _importance_section(stage: SecondStage) -> Section:
    if stage.ranker is None:
        return Section("What the second stage ranks by", "The text score alone.")
    shares = list(stage.ranker.importance().items())[:FEATURES_SHOWN]
    rows = [[name.replace("_", " "), f"{share:.1%}"] for name, share in shares]
    text = (
        f"A linear order, corrected by {stage.ranker.trees} trees; shares: half by the weight in "
        "the one, half by what splits of the others gain."
    )
    return Section("What the second stage ranks by", text, [["feature", "share"], *rows])


def _cold_section(stage: SecondStage) -> Section:
    step = stage.choices.cold_step
    chosen = f"Every {step}th place" if step else "No place"
    placed = (
        f"{chosen} of a list is kept for an item that nobody has met; the ranking may place more."
    )
    if stage.choices.cold_together is not None:
        placed = (
            "The first items of a list that nobody has met stand in one order with all others, by "
            "how likely each is taken, and a bonus lifts them."
        )
    rows = [
        [
            str(one.count) if one.bonus is None else f"in one order, bonus {one.bonus:g}",
            show(one.ndcg),
            show(one.cold_ndcg),
            "chosen" if one.is_chosen else "",
        ]
        for one in stage.places
    ]
    reached = [f"{name} {figure:.3f}" for name, figure in stage.cold.reached.items()]
    among = f" nDCG@10 of lists of them alone: {', '.join(reached)}." if reached else ""
    return Section(
        "Places for cold items",
        f"{placed} Such items are ordered by {stage.cold.name}.{among} The table is of the stretch "
        "of time before the test, on which this was chosen.",
        [["of the first ten", "nDCG@10", "nDCG@10 of cold items", ""], *rows],
    )


def _audit_rows(audit: Audit) -> list[tuple[str, str, str, str]]:
    found = [(f.severity, f.message, str(f.count), "; ".join(f.examples)) for f in audit.findings]
    return [("", "finding", "count", "for example"), *found]
