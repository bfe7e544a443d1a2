"""The series as one picture, in SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import isfinite

WIDTH, HEIGHT, GAP, HEAD = 220, 80, 34, 28


def draw(
    hours: Mapping[str, Sequence[float]],
    rows: Mapping[str, Mapping[str, Sequence[float]]],
    units: Mapping[str, str],
    verdicts: Mapping[str, Mapping[str, str]],
) -> str:
    """A row for each server, a column for each series; each axis begins at 0.

    Args:
        hours: when each server was looked at.
        rows: server → series → values, as many.
        units: of each series.
        verdicts: server → series → what is said of it.
    """
    wide = len(units) * (WIDTH + GAP) + GAP
    high = len(rows) * (HEIGHT + 2 * GAP) + HEAD
    box = f'viewBox="0 0 {wide} {high}" font-family="sans-serif" font-size="11"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box}>',
        f'<rect width="{wide}" height="{high}" fill="white"/>',
    ]
    for row, (server, series) in enumerate(rows.items()):
        top = HEAD + row * (HEIGHT + 2 * GAP)
        parts.append(f'<text x="{GAP}" y="{top - 14}" font-weight="bold">{escape(server)}</text>')
        for column, (name, unit) in enumerate(units.items()):
            left = GAP + column * (WIDTH + GAP)
            told = verdicts.get(server, {}).get(name, "")
            label = f"{name}, {unit}{': ' if told else ''}{told}"
            parts += _panel(left, top, hours[server], series[name], label)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(
    left: int, top: int, hours: Sequence[float], values: Sequence[float], label: str
) -> list[str]:
    most = max((value for value in values if isfinite(value)), default=0.0) or 1.0
    last = hours[-1] if hours and hours[-1] else 1.0
    points = [
        f"{left + WIDTH * at / last:.1f},{top + HEIGHT * (1 - value / most):.1f}"
        for at, value in zip(hours, values, strict=True)
        if isfinite(value)
    ]
    below = f'y="{top + HEIGHT + 13}" fill="#666"'
    most_at = f'x="{left + WIDTH}" {below} text-anchor="end"'
    return [
        f'<rect x="{left}" y="{top}" width="{WIDTH}" height="{HEIGHT}" fill="#f6f6f6"/>',
        f'<polyline points="{" ".join(points)}" fill="none" stroke="#1f5fa8" stroke-width="1.5"/>',
        f'<text x="{left}" y="{top - 3}">{escape(label)}</text>',
        f'<text x="{left}" {below}>0 – {60 * last:.0f} min</text>',
        f"<text {most_at}>up to {most:,.4g}</text>",
    ]
