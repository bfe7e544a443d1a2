"""Who is exposed, in a line for a notification or the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from apps.finance_monitor.surges.alert import Exposure

# The least exposed go unnamed; who watches one of these is notified all the same.
MOST_SHOWN = 10
ENGLISH = {"guaranteed": "guaranteed by"}
CHINESE = {
    "supplier": "供应商",
    "customer": "客户",
    "parent": "母公司",
    "subsidiary": "子公司",
    "peer": "同业",
    "guarantor": "担保方",
    "guaranteed": "被担保方",
}


def exposed_in_words(exposed: Sequence[Exposure], *, chinese: bool) -> str:
    """Each company with what arrives there and the path: `C 12% (supplier of B → peer of C)`."""
    shown = exposed[:MOST_SHOWN]
    if chinese:
        parts = [f"{one.company} {one.strength:.0%}（{_path(one, chinese)}）" for one in shown]
        return f"间接受影响：{'、'.join(parts)}"
    parts = [f"{one.company} {one.strength:.0%} ({_path(one, chinese)})" for one in shown]
    return f"Indirectly exposed: {', '.join(parts)}"


def _path(one: Exposure, chinese: bool) -> str:
    names = [*(step.company for step in one.path[1:]), one.company]
    steps = []
    for step, name in zip(one.path, names, strict=True):
        if chinese:
            steps.append(f"{name}的{CHINESE[step.relation]}")
        else:
            steps.append(f"{ENGLISH.get(step.relation, f'{step.relation} of')} {name}")
    return " → ".join(steps)
