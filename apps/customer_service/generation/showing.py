"""A composed reply in the terminal: a mark at each sentence, and the sources below."""

from __future__ import annotations

from apps.customer_service.generation.schema import seam
from apps.customer_service.schema import Answer
from common.console import results


def print_composed(answer: Answer) -> None:
    """One reply of several sources, and who composed it."""
    console = results()
    if answer.message:
        console.print(answer.message, markup=False)
    sources = {one.source.id: one.source for one in answer.sentences}
    numbers = {name: number for number, name in enumerate(sources, 1)}
    text = ""
    for one in answer.sentences:
        text += f"{seam(text)}{one.text} [{numbers[one.source.id]}]"
    console.print(text, markup=False)
    told = f"\n{answer.decision}, confidence {answer.confidence:.0%}, by {answer.composed_by}"
    console.print(told, style="bold", markup=False)
    for name, source in sources.items():
        place = f"{source.document}: {source.title}" if source.document else source.title
        console.print(f"  [{numbers[name]}]  {name}  {place}", markup=False, soft_wrap=True)
