"""`explain`: the words by which a question finds its FAQ."""

from __future__ import annotations

from pathlib import Path

from apps.customer_service.options_cli import ReleaseId, open_registry
from common.cli import Device, Json, Store, new_app
from common.evaluation.explanation.explanation_cli import (
    MethodOption,
    Text,
    check_text,
    chosen_method,
    show_explanation,
)
from common.learning.options_cli import DatabaseUrl

verbs = new_app("Explain.")


@verbs.command()
def explain(
    question: Text,
    release_id: ReleaseId = None,
    method: MethodOption = None,
    device: Device = "auto",
    store: Store = Path("var"),
    database: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Which words of a question found its FAQ, and which wordings are nearest.

    As the server answers, live edits included; a named release, without them.
    """
    check_text(question)
    chosen = chosen_method(method)
    release = open_registry(store).open(release_id)

    from apps.customer_service.answers.answering import prepare
    from apps.customer_service.explaining.question import explain_question
    from apps.customer_service.release import load_edited, load_release

    if release_id is None:
        answerer = load_edited(release, store, database, device=device)
    else:
        answerer = load_release(release, device=device)
    read = prepare(question)
    answer = answerer.answer(read, answerer.understand([read])[0])
    found = explain_question(answerer, question, chosen)
    heading = {
        "decision": answer.decision,
        "confidence": answer.confidence,
        "faq_id": answer.citations[0].faq_id if answer.citations else None,
        "intent": answer.intent and answer.intent.name,
    }
    show_explanation(found, heading, as_json=as_json)
