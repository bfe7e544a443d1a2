"""`ask`: one question, or a conversation in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from common.cli import Device, Json, Store, new_app, print_json
from common.console import say
from common.errors import UserError
from common.learning.options_cli import DatabaseUrl
from common.rules.rules_cli import RulesOption

if TYPE_CHECKING:
    from apps.customer_service.conversation.session import Session

verbs = new_app("Ask.")


@verbs.command()
def ask(
    question: Annotated[
        str | None, typer.Argument(help="In quotes; left out: a conversation.")
    ] = None,
    release_id: Annotated[str | None, typer.Option("--release", help="Default: current.")] = None,
    language: Annotated[
        str | None, typer.Option(help="en or zh; default: detected from the text.")
    ] = None,
    device: Device = "auto",
    store: Store = Path("var"),
    rules: RulesOption = None,
    database: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Answer a question, or hold a conversation until Ctrl-D.

    As the server does, live edits included; a named release, without them.
    """
    from apps.customer_service.rules.known import known_names
    from apps.customer_service.rules.schema import AnswerRules
    from common.records.text import normalise
    from common.releases.registry import Registry
    from common.rules.reading import read_rules

    registry = Registry(store, "customer_service")
    release = registry.open(release_id)
    if question is not None and not normalise(question):
        raise UserError("the question is empty")
    found = read_rules(rules, AnswerRules, known_names(store, database)) if rules else None

    from apps.customer_service.conversation.session import Session, open_dialogue
    from apps.customer_service.release import load_edited, load_release

    if release_id is None:
        answerer = load_edited(release, store, database, device=device)
    else:
        answerer = load_release(release, device=device)
    session = Session(open_dialogue(answerer, release, registry.root, found), language)
    if question is None:
        _converse(session, as_json)
    else:
        _show(session, question, as_json)


def _converse(session: Session, as_json: bool) -> None:
    """Read a message a line; the arrow keys bring back earlier ones where there is a terminal."""
    import contextlib
    import sys

    with contextlib.suppress(ImportError):
        import readline  # noqa: F401
    prompt = "> " if sys.stdin.isatty() else ""
    if prompt:
        say("Ask; Ctrl-D ends.")
    while True:
        try:
            message = input(prompt)
        except EOFError:
            return
        if message.strip():
            _show(session, message, as_json)


def _show(session: Session, message: str, as_json: bool) -> None:
    from apps.customer_service.reporting import print_answer

    answer = session.say(message)
    if as_json:
        print_json(answer.model_dump())
    else:
        print_answer(answer)
