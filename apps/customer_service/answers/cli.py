"""`ask`: one question, one answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from common.cli import Device, Json, Store, new_app, print_json
from common.errors import UserError
from common.learning.cli import DatabaseUrl

verbs = new_app("Ask.")


@verbs.command()
def ask(
    question: Annotated[str, typer.Argument(help="The question, in quotes.")],
    release_id: Annotated[str | None, typer.Option("--release", help="Default: current.")] = None,
    language: Annotated[
        str | None, typer.Option(help="en or zh; default: detected from the text.")
    ] = None,
    device: Device = "auto",
    store: Store = Path("var"),
    database: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Answer one question as the server does, live edits included; a named release, without."""
    from common.records.text import normalise
    from common.releases.registry import Registry

    release = Registry(store, "customer_service").open(release_id)
    if not normalise(question):
        raise UserError("the question is empty")

    from apps.customer_service.answers import answering
    from apps.customer_service.release import load_edited, load_release
    from apps.customer_service.reporting import print_answer

    prepared = answering.prepare(question)
    if release_id is None:
        answerer = load_edited(release, store, database, device=device)
    else:
        answerer = load_release(release, device=device)
    answer = answerer.answer(prepared, answerer.understand([prepared])[0], language=language)
    if as_json:
        print_json(answer.model_dump())
    else:
        print_answer(answer)
