"""What is wrong with a knowledge file, by itself and beside the FAQs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from apps.customer_service.graph.agreeing import contradictions
from apps.customer_service.graph.asking import Asker
from apps.customer_service.schema import Faq
from common.records.audit import EXAMPLES_SHOWN, Finding
from common.records.graph.contradictions import contradictions as graph_contradictions
from common.records.graph.contradictions import finding
from common.records.graph.reading import read_graph
from common.records.reader import OnBadRow


def audit_graph(path: Path, faqs: Iterable[Faq], on_bad_row: OnBadRow) -> Iterator[Finding]:
    """Rows that exclude each other, and FAQs that say otherwise than the facts; as of today.

    Raises:
        UserError: as `read_graph`.
    """
    graph = read_graph(path, on_bad_row)
    if found := finding(graph_contradictions(graph)):
        yield found
    against = contradictions(Asker(graph), faqs, datetime.now(UTC))
    if against:
        message = "FAQs that contradict the facts of the graph"
        examples = [one.text for one in against[:EXAMPLES_SHOWN]]
        yield Finding("warning", "faq_contradicts_graph", message, len(against), examples)
