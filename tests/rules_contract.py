"""What the rules of every application must do while it serves."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import httpx
from processes import wait_for


def write(path: Path, text: str) -> None:
    """Put a new version of a file in the place of the old one, as an editor does."""
    other = path.with_suffix(".new")
    other.write_text(text, encoding="utf-8")
    os.replace(other, path)  # noqa: PTH105


def check_live(
    address: str, path: Path, rule: str, decides: Callable[[], bool], other: str
) -> None:
    """A broken version is refused and the old one stays; a good one takes its place.

    Args:
        rule: the name of a rule of the file that decides what `decides` asks for.
        other: rules without it.
    """
    kept = path.read_text(encoding="utf-8")

    def refused() -> str:
        found: str = httpx.get(f"{address}/readyz").json()["reasons"].get("refused_rules", "")
        return found

    before = fired(address, rule)
    assert decides()
    assert fired(address, rule) > before
    write(path, kept + '\n[[rule]]\nname = "half"\n')
    line = kept.count("\n") + 2
    wait_for(refused)
    assert f"{path}:{line}: rule 'half': action is missing" in refused()
    assert decides(), "the old rules hold"
    assert "bizlm_rules_refused 1.0" in httpx.get(f"{address}/metrics").text
    write(path, other)
    wait_for(lambda: not refused())
    wait_for(lambda: not decides())
    write(path, kept)
    wait_for(decides)


def fired(address: str, rule: str) -> float:
    """How often a rule decided, by the metrics."""
    begin = f'bizlm_rules_fired_total{{rule="{rule}"}} '
    lines = httpx.get(f"{address}/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith(begin)).removeprefix(begin))
