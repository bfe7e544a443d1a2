"""A report one can look at: tables and pictures in one HTML file, nothing from elsewhere."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from common.evaluation.compare import Difference
from common.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.55 system-ui, "Noto Sans CJK SC", sans-serif; max-width: 56rem;
       margin: 3rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .35rem 1.2rem .35rem 0; vertical-align: top;
         border-bottom: 1px solid #8884; }
figure { margin: 1rem 0; background: #fff; display: inline-block; border-radius: 8px; }
svg { max-width: 100%; height: auto; }
p, li { max-width: 42rem; }
td { overflow-wrap: anywhere; }
"""


CLEAR_GAIN, CLEAR_LOSS, UNCLEAR = "#0b6e4f", "#b3261e", "#8a8f98"


@dataclass(frozen=True)
class Section:
    """A heading with text, a table (header row first), a picture (SVG), points, each optional."""

    title: str
    text: str = ""
    table: Sequence[Sequence[str]] = ()
    picture: str = ""
    points: Sequence[str] = ()


def write_report(
    path: Path, title: str, sections: Sequence[Section], *, language: str = "en"
) -> None:
    """Write all sections as one HTML page."""
    body = "\n".join(_section(section) for section in sections)
    write_atomically(
        path,
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body>\n<h1>{escape(title)}</h1>\n{body}\n</body></html>\n",
    )


def _section(section: Section) -> str:
    parts = [f"<h2>{escape(section.title)}</h2>"]
    if section.text:
        parts.append(f"<p>{escape(section.text)}</p>")
    if section.points:
        lines = [f"<li>{escape(point)}</li>" for point in section.points]
        parts.append("<ul>\n" + "\n".join(lines) + "\n</ul>")
    if section.table:
        header, *rows = section.table
        lines = ["<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in header) + "</tr>"]
        lines += [
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
        ]
        parts.append("<table>\n" + "\n".join(lines) + "\n</table>")
    if section.picture:
        parts.append(f"<figure>{section.picture}</figure>")
    return "\n".join(parts)


def learning_section(history: Sequence[Mapping[str, float]], figure: str) -> Section:
    """How a run learned."""
    return Section("Learning", picture=curves_picture(history, figure))


def curves_picture(history: Sequence[Mapping[str, float]], figure: str) -> str:
    """Training loss by step, and the monitored figure by epoch, as SVG."""
    losses = [(entry["step"], entry["loss"]) for entry in history if "loss" in entry]
    name = f"eval_{figure}"
    metrics = [(entry["step"], entry[name]) for entry in history if name in entry]

    def draw(axes: Axes) -> None:
        axes.plot(*zip(*losses, strict=True), color="#8a8f98", label="training loss")
        axes.set_xlabel("step")
        axes.set_ylabel("loss")
        right = axes.twinx()
        right.plot(*zip(*metrics, strict=True), "o-", color="#0b6e4f", label=figure)
        right.set_ylabel(figure.replace("_", " "))

    return svg(draw) if losses and metrics else ""


def confusion_picture(counts: Sequence[Sequence[int]], names: Sequence[str]) -> str:
    """What was right, by row, against what was found; shaded by its share of the row."""
    if not any(map(sum, counts)):
        return ""
    shares = [[n / max(sum(row), 1) for n in row] for row in counts]

    def draw(axes: Axes) -> None:
        axes.grid(visible=False)
        axes.imshow(shares, cmap="Greens", vmin=0, vmax=1)
        for i, row in enumerate(counts):
            for j, count in enumerate(row):
                colour = "white" if shares[i][j] > 0.6 else "black"
                axes.text(
                    j, i, f"{count}\n{shares[i][j]:.0%}", ha="center", va="center", color=colour
                )
        axes.set_xticks(range(len(names)), names)
        axes.set_yticks(range(len(names)), names)
        axes.set_xlabel("found")
        axes.set_ylabel("right")

    return svg(draw, square=True)


def reliability_picture(
    bins: Sequence[Mapping[str, float]],
    *,
    stated: str = "stated probability of being right",
    observed: str = "share that was right",
) -> str:
    """Stated probability against observed share; on the diagonal it is honest."""

    def draw(axes: Axes) -> None:
        points = [(b["stated"], b["observed"]) for b in bins]
        # Probabilities of what is rare lie together near 0, and would be one dot on the whole.
        end = min(1.0, 1.1 * max(map(max, points), default=1.0)) or 1.0
        axes.plot([0, end], [0, end], "--", color="#8a8f98", linewidth=1)
        axes.plot(*zip(*points, strict=True), "o-", color="#0b6e4f")
        axes.set_xlabel(stated)
        axes.set_ylabel(observed)

    return svg(draw, square=True) if bins else ""


def gains_picture(gains: Mapping[str, Difference], unit: str) -> str:
    """What is gained over each of several others, with its interval; green where it is clear."""

    def draw(axes: Axes) -> None:
        for row, gain in enumerate(gains.values()):
            colour = CLEAR_GAIN if gain.low > 0 else CLEAR_LOSS if gain.high < 0 else UNCLEAR
            axes.plot([gain.low, gain.high], [row, row], color=colour)
            axes.plot(gain.gain, row, "o", color=colour)
        axes.axvline(0, color=UNCLEAR, linestyle="--", linewidth=1)
        axes.set_yticks(range(len(gains)), list(gains))
        axes.invert_yaxis()
        axes.set_xlabel(f"gain in {unit}, with 95 % interval")

    return svg(draw) if gains else ""


def risk_coverage_picture(
    coverage: Sequence[float], risk: Sequence[float], *, budget: float, answered: float
) -> str:
    """Share of wrong answers by share of questions answered; the budget and where we stand."""

    def draw(axes: Axes) -> None:
        axes.plot(coverage, risk, color="#0b6e4f")
        axes.axhline(budget, color="#b3261e", linestyle="--", linewidth=1, label="budget")
        axes.axvline(answered, color="#8a8f98", linestyle=":", label="answered now")
        axes.set_xlabel("share of questions answered")
        axes.set_ylabel("share of wrong answers")
        axes.legend(frameon=False)

    return svg(draw)


def svg(draw: Callable[[Axes], None], *, square: bool = False) -> str:
    """What `draw` puts on the axes, as an SVG element."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 4.4) if square else (7, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#8882", linewidth=0.6)
    draw(axes)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    drawn = buffer.getvalue()
    return drawn[drawn.index("<svg") :]
