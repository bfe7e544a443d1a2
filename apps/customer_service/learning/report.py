"""The page of a candidate that learned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from common.evaluation.report import Section, write_report
from common.learning.report import learn_sections

if TYPE_CHECKING:
    from apps.customer_service.promise.promise import Promise
    from common.learning.comparison import Comparison
    from common.learning.review import Review
    from common.learning.watching.shadow import Shadow


def write_learn_report(
    path: Path,
    found: Review,
    comparison: Comparison,
    promise: Promise,
    verdict: str,
    shadow: Shadow | None,
) -> None:
    """Write the page of one candidate."""
    sections = [
        *learn_sections(found, comparison, verdict, shadow),
        Section("What is promised", promise.text),
    ]
    write_report(path, "Customer service: what was learned", sections)
