"""The page of a candidate that learned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from common.evaluation.report import Section, write_report
from common.learning.candidates.report import learn_sections
from common.releases.release import REPORT

if TYPE_CHECKING:
    from apps.customer_service.promise.promise import Promise
    from common.learning.candidates.comparison import Comparison
    from common.learning.candidates.cost import Cost
    from common.learning.review import Review
    from common.learning.watching.shadow import Shadow


def write_learn_report(
    directory: Path,
    found: Review,
    comparison: Comparison,
    promise: Promise,
    verdict: str,
    cost: Cost,
    shadow: Shadow | None,
    further: Sequence[Section],
) -> None:
    """Write the page of a candidate into its directory."""
    sections = [
        *learn_sections(found, comparison, verdict, cost, shadow, further),
        Section("What is promised", promise.text),
    ]
    write_report(directory / REPORT, "Customer service: what was learned", sections)
