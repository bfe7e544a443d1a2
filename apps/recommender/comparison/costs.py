"""What diversity and margins cost in nDCG, and what they give for it: sections of the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from apps.recommender.comparison.comparison import RELEVANCE, WITHOUT_MARGINS, Comparison
from apps.recommender.evaluate import Evaluation, compare
from apps.recommender.lists.affordable import Trial
from apps.recommender.pipeline.second_stage import SecondStage
from common.evaluation.report import Section, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def diversity_section(stage: SecondStage, comparison: Comparison) -> Section:
    """What each strength of diversity gives and costs."""
    chosen = stage.choices.diversity_weight
    unpriced = comparison.method(WITHOUT_MARGINS) or comparison.model
    rows = [
        [
            f"{one.weight:g}" + (" (chosen)" if one.weight == chosen else ""),
            f"{one.ndcg:.4f}",
            f"{one.cost:.1%}",
            f"{one.most:.1%}",
            f"{one.gained:.3f}",
        ]
        for one in stage.diversity.trials
    ]
    return Section(
        "The cost of diversity",
        f"{_cost_on_test(comparison, RELEVANCE, unpriced)}The table is of the stretch of time "
        "before the test, on which the strength was chosen. Diversity is the mean distance "
        "(1 − cosine) between the items of a list.",
        [["strength", "nDCG@10", "costs", "at most (95 %)", "diversity"], *rows],
        tradeoff_picture("diversity", stage.diversity.trials),
    )


def margin_section(stage: SecondStage, comparison: Comparison) -> Section:
    """What each weight of margins earns and costs; empty where they do not count."""
    if stage.margins is None:
        return Section("The cost of margins")
    choice, realised = stage.margins.choice, stage.margins.realised
    rows = [
        [
            f"{one.weight:g}" + (" (chosen)" if one.weight == choice.weight else ""),
            f"{one.ndcg:.4f}",
            f"{one.cost:.1%}",
            f"{one.most:.1%}",
            f"{one.gained:.4g}",
            f"{realised[one.weight]:.4g}",
        ]
        for one in choice.trials
    ]
    return Section(
        "The cost of margins",
        f"{stage.margins.sentence} "
        f"{_cost_on_test(comparison, WITHOUT_MARGINS, comparison.model)}The table is of the "
        "stretch of time before the test, on which the weight was chosen. Expected is, of the "
        "first ten places, the sum of p(bought) × margin; earned, the margin of what users then "
        "did buy of them, means over the lists.",
        [["weight", "nDCG@10", "costs", "at most (95 %)", "expected", "earned"], *rows],
        tradeoff_picture("expected margin of a list", choice.trials),
    )


def _cost_on_test(comparison: Comparison, without: str, shown: Evaluation) -> str:
    """What it cost where it was not chosen, beside the lists `without` it."""
    plain = comparison.method(without)
    found = compare(shown, [plain]).get(without) if plain else None
    if found is None or not found.before:
        return ""
    lost, low, high = (-value / found.before for value in (found.gain, found.high, found.low))
    return (
        f"On the test it cost {lost:.1%} of nDCG@10 (95 % interval {low:.1%} to {high:.1%}): "
        f"{found.before:.3f} without it, {found.after:.3f} with it. "
    )


def tradeoff_picture(gained: str, trials: Sequence[Trial]) -> str:
    """What is gained against nDCG, as SVG."""

    def draw(axes: Axes) -> None:
        axes.plot(
            [one.gained for one in trials], [one.ndcg for one in trials], "o-", color="#0b6e4f"
        )
        axes.set_xlabel(gained)
        axes.set_ylabel("nDCG@10")

    return svg(draw)
