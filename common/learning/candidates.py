"""A candidate becomes a release, and serves if the gate lets it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from common.learning.comparison import Comparison, judge
from common.learning.review import Reviewed
from common.learning.watching.shadow import Shadow
from common.releases.registry import Registry
from common.releases.release import Release, write_release

KEPT = ("application", "base_model", "languages", "topics", "settings", "measured_on", "precision")


@dataclass(frozen=True)
class Learned:
    """What a run of `learn` came to."""

    review: Reviewed
    comparison: Comparison | None = None
    candidate: Release | None = None
    verdict: str = "There is nothing new to learn."
    passed: bool = False
    promoted: bool = False
    shadow: Shadow | None = None


def release_candidate(
    registry: Registry,
    parent: Release,
    found: Reviewed,
    comparison: Comparison,
    fill: Callable[[Path, str], None],
    manifest: dict[str, Any],
    *,
    promote: bool,
    mark_learned: Callable[[list[str], str], None] = lambda ids, release_id: None,
    shadow: Shadow | None = None,
) -> Learned:
    """Write the candidate, whatever the gate says; promote it if it passes and is wanted.

    Args:
        parent: the release that it was made from; another may have been promoted meanwhile.
        fill: writes the files into a directory, among them a report with the verdict.
        manifest: what differs from the parent's manifest.
        shadow: what was asked of late, put to the candidate.
        mark_learned: takes the ids of what was learned, and the release that serves with it.
    """
    verdict, passed = judge(comparison)
    kept = {name: parent.manifest[name] for name in KEPT if name in parent.manifest}
    learned = {
        **found.summary(),
        "golden": asdict(comparison.golden),
        "new": comparison.new and asdict(comparison.new),
        "groups": {name: asdict(one) for name, one in comparison.groups.items()},
        "verdict": verdict,
        "shadow": shadow and shadow.summary(),
    }
    full = {
        **kept,
        "parent": parent.release_id,
        "before": parent.manifest.get("after", {}),
        **manifest,
        "learned": learned,
    }
    made = write_release(registry.releases, lambda directory: fill(directory, verdict), full)
    if promote and passed and registry.current_id() != parent.release_id:
        verdict, passed = "another release was promoted meanwhile: learn once more", False
    if promote and passed:
        registry.promote(made.release_id)
        mark_learned(found.feedback_ids, made.release_id)
    return Learned(found, comparison, made, verdict, passed, promote and passed, shadow)
