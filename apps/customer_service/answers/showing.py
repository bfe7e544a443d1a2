"""An answer in the terminal."""

from __future__ import annotations

from apps.customer_service.schema import Answer
from common.console import results


def print_answer(answer: Answer) -> None:
    """One answer in the terminal: what it says, where from, how sure."""
    console = results()
    if answer.understood_as:
        console.print(f"Understood as: {answer.understood_as}", markup=False, soft_wrap=True)
    if answer.message:
        console.print(answer.message, markup=False)
    for part in answer.parts:
        console.print(
            f"{part.question}\n  {part.answer or 'Not sure about this one.'}", markup=False
        )
    if answer.decision in {"answer", "chat"} and answer.answer and not answer.parts:
        console.print(answer.answer, markup=False)
    elif answer.decision == "clarify" and not answer.parts:
        console.print("Not sure which of these is meant:")
    elif answer.decision == "handoff":
        console.print("This should go to a person.")
    console.print(f"\n{answer.decision}, confidence {answer.confidence:.0%}", style="bold")
    if intent := answer.intent:
        console.print(f"intent: {intent.name} ({intent.confidence:.0%})", markup=False)
    if answer.source:
        console.print(f"quoted from {answer.source.place}", markup=False, soft_wrap=True)
    for fact in answer.path.facts if answer.path else ():
        console.print(f"  {fact.place}  {fact.text}", markup=False, soft_wrap=True)
    for citation in answer.citations:
        place = f"  {citation.url}" if citation.url else ""
        line = f"  {citation.score:.2f}  {citation.faq_id}  {citation.question}{place}"
        console.print(line, markup=False, soft_wrap=True)
