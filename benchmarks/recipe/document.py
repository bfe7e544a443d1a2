"""`docs/recipe.md` and its picture, from what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from benchmarks.recipe.rows import Row
from benchmarks.recipe.work import WORKS, Work
from common.evaluation.report import svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DOCS = Path(__file__).parents[2] / "docs"
PLAIN = "full"
HEADER = """# The recipe, measured

Every technique on the same few texts and for as many epochs, beside plain full fine-tuning. A row
that ends in "first" reads 4,000 further texts without their labels before, or pairs of the same.
`python -m benchmarks.recipe` writes this page; [fine-tuning.md](fine-tuning.md) says what each
technique is. It is measured on texts of the training splits that were not learned. Each seed draws
other texts, the same for every row. **Gain** is over the row `full`, in points: the mean over the
seeds and its 95 % interval, by Student's t. An interval with zero in it shows no difference. Of so
many rows, one or two are outside it by chance.

![quality against cost](recipe.svg)
"""


@dataclass(frozen=True)
class Line:
    """A row of one table: means over the seeds; `gain` in points, give or take `margin`."""

    name: str
    family: str
    seeds: int
    figure: float
    spread: float
    gain: float
    margin: float
    trained: float
    seconds: float
    memory: float

    @property
    def verdict(self) -> str:
        """Whether it helps, as far as the seeds show."""
        if self.name == PLAIN:
            return ""
        if self.seeds < 2:
            return "one seed shows nothing"
        if abs(self.gain) < self.margin:
            return "no difference shown"
        return "helps" if self.gain > 0 else "costs quality"

    def give_or_take(self, points: float) -> str:
        """How far it may be off; one seed does not tell."""
        return f" ± {points:.1f}" if self.seeds > 1 else ""


def write_document(rows: Sequence[Row], measured: Sequence[Mapping[str, Any]]) -> None:
    """Write the page and its picture."""
    tables = {name: _lines(rows, [m for m in measured if m["work"] == name]) for name in WORKS}
    parts = [HEADER]
    parts += [_table(WORKS[name], lines) for name, lines in tables.items() if lines]
    machines = sorted({str(one["machine"]) for one in measured})
    parts.append("Measured on " + "; ".join(machines) + ", one thread a run; seconds of a core.\n")
    (DOCS / "recipe.md").write_text("\n".join(parts), encoding="utf-8")
    picture = svg(lambda axes: _draw(axes, tables))
    (DOCS / "recipe.svg").write_text(picture, encoding="utf-8")


def _lines(rows: Sequence[Row], measured: Sequence[Mapping[str, Any]]) -> list[Line]:
    plain = {one["seed"]: one for one in measured if one["row"] == PLAIN}
    lines = []
    for row in rows:
        runs = [one for one in measured if one["row"] == row.name and one["seed"] in plain]
        if runs:
            gains = [100 * (one["figure"] - plain[one["seed"]]["figure"]) for one in runs]
            lines.append(_line(row, runs, gains))
    return lines


def _line(row: Row, runs: Sequence[Mapping[str, Any]], gains: Sequence[float]) -> Line:
    figures = [float(one["figure"]) for one in runs]
    return Line(
        name=row.name,
        family=row.family,
        seeds=len(runs),
        figure=mean(figures),
        spread=stdev(figures) if len(figures) > 1 else 0.0,
        gain=mean(gains),
        margin=_margin(gains),
        trained=mean(one["trained"] for one in runs),
        seconds=mean(one["seconds"] for one in runs),
        memory=mean(one["memory"] for one in runs),
    )


def _margin(gains: Sequence[float]) -> float:
    """Half of the 95 % interval of their mean, by Student's t; 0 of one alone."""
    from scipy.stats import t

    if len(gains) < 2:
        return 0.0
    return float(t.ppf(0.975, len(gains) - 1)) * stdev(gains) / len(gains) ** 0.5


def _table(work: Work, lines: Sequence[Line]) -> str:
    learned = f"{work.shots} texts of each label" if work.shots else f"{work.rows:,} texts"
    head = [
        f"## {work.name}: {learned}, `{work.backbone}`, {work.figure.replace('_', ' ')}",
        "",
        "| family | technique | seeds | figure | gain | | trained | seconds | GiB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    body = [
        f"| {one.family} | `{one.name}` | {one.seeds} "
        f"| {one.figure:.1%}{one.give_or_take(100 * one.spread)} | "
        f"{'' if one.name == PLAIN else f'{one.gain:+.1f}{one.give_or_take(one.margin)}'} "
        f"| {one.verdict} | "
        f"{one.trained:.1%} | {one.seconds:.0f} | {one.memory:.1f} |"
        for one in lines
    ]
    return "\n".join([*head, *body, ""])


def _draw(axes: Axes, tables: Mapping[str, Sequence[Line]]) -> None:
    for number, (name, lines) in enumerate(tables.items()):
        plain = next((one for one in lines if one.name == PLAIN), None)
        if plain is None:
            continue
        cost = [one.seconds / plain.seconds for one in lines]
        gain = [one.gain for one in lines]
        axes.scatter(cost, gain, s=28, marker="osD^"[number % 4], label=name)
        for x, y, one in zip(cost, gain, lines, strict=True):
            axes.annotate(one.name, (x, y), xytext=(4, 3), textcoords="offset points", fontsize=7)
    axes.axhline(0, color="#8a8f98", linewidth=1)
    axes.set_xscale("log")
    axes.set_xlabel("training time, times that of full fine-tuning")
    axes.set_ylabel("gain over full fine-tuning, points")
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
