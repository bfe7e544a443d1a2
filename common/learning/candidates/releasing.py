"""A candidate becomes a release, and serves if the gate lets it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from common.files import scratch
from common.learning.candidates.comparison import Comparison, judge
from common.learning.candidates.cost import Cost, Timing, size_of
from common.learning.review import Reviewed
from common.learning.watching.shadow import Shadow
from common.releases.registry import Registry
from common.releases.release import Release, write_release

KEPT = ("application", "base_model", "languages", "topics", "settings", "measured_on", "precision")
PROMOTED_MEANWHILE = "another release was promoted meanwhile: learn once more"

MarkLearned = Callable[[list[str], str], None]


def mark_nothing(ids: list[str], release_id: str) -> None:
    """Of rows that are learned from again and again."""


@dataclass(frozen=True)
class Candidate:
    """What was made of what people said, not written yet.

    Attributes:
        parent: the release that it was made from; another may have been promoted meanwhile.
        made_of: see `made_from`.
        save: writes the files into a directory, but for the report.
        report: writes the report into that directory, given the verdict and the cost.
        manifest: what differs from the parent's manifest.
        timing: of both releases, if it was measured.
        shadow: what was asked of late, put to the candidate.
    """

    parent: Release
    found: Reviewed
    comparison: Comparison
    made_of: str
    save: Callable[[Path], None]
    report: Callable[[Path, str, Cost], None]
    manifest: dict[str, Any] = field(default_factory=dict)
    timing: Timing | None = None
    shadow: Shadow | None = None


@dataclass(frozen=True)
class Learned:
    """What a run of `learn` came to; `made_before`: the candidate is that of an earlier run."""

    review: Reviewed
    comparison: Comparison | None = None
    candidate: Release | None = None
    verdict: str = "There is nothing new to learn."
    passed: bool = False
    promoted: bool = False
    shadow: Shadow | None = None
    cost: Cost | None = None
    made_before: bool = False


def release_candidate(
    registry: Registry,
    made: Candidate,
    *,
    promote: bool,
    mark_learned: MarkLearned = mark_nothing,
) -> Learned:
    """Write the candidate, whatever the gate says; promote it if it passes and is wanted.

    Args:
        mark_learned: takes the ids of what was learned, and the release that serves with it.
    """
    with scratch(registry.releases, ".candidate-") as folder:
        made.save(folder)
        cost = Cost(size_of(made.parent.directory), size_of(folder), made.timing)
        verdict, passed = judge(made.comparison)
        if passed and cost.excess:
            verdict, passed = cost.excess, False

        def fill(directory: Path) -> None:
            for path in list(folder.iterdir()):
                path.rename(directory / path.name)
            made.report(directory, verdict, cost)

        written = write_release(
            registry.releases, fill, _manifest(made, cost, verdict, passed=passed)
        )
    serves = promote and passed and let_serve(registry, written, made.found, mark_learned)
    if promote and passed and not serves:
        verdict, passed = PROMOTED_MEANWHILE, False
    return Learned(made.found, made.comparison, written, verdict, passed, serves, made.shadow, cost)


def let_serve(
    registry: Registry, release: Release, found: Reviewed, mark_learned: MarkLearned
) -> bool:
    """Promote a candidate, unless another release than its parent serves by now."""
    if not registry.promote_over(release.manifest["parent"], release.release_id):
        return False
    mark_learned(found.feedback_ids, release.release_id)
    return True


def _manifest(made: Candidate, cost: Cost, verdict: str, *, passed: bool) -> dict[str, Any]:
    parent, comparison = made.parent.manifest, made.comparison
    return {
        **{name: parent[name] for name in KEPT if name in parent},
        "parent": made.parent.release_id,
        "before": parent.get("after", {}),
        **made.manifest,
        "learned": {
            **made.found.summary(),
            "golden": asdict(comparison.golden),
            "new": comparison.new and asdict(comparison.new),
            "groups": {name: asdict(one) for name, one in comparison.groups.items()},
            "cost": asdict(cost),
            "verdict": verdict,
            "passed": passed,
            "made_of": made.made_of,
            "shadow": made.shadow and made.shadow.summary(),
        },
    }
