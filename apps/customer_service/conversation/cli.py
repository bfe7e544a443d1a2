"""`ask`: one question, or a conversation in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apps.customer_service.options_cli import BaseUrl, EndpointModel, GeneratorName, Graph
from common.cli import AllowAddress, Device, Json, Store, new_app, print_json
from common.console import say
from common.errors import UserError
from common.learning.options_cli import DatabaseUrl
from common.rules.rules_cli import RulesOption

if TYPE_CHECKING:
    from apps.customer_service.conversation.session import Session
    from apps.customer_service.generation.rewriting import Rewriting

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
    graph: Graph = None,
    picture: Annotated[
        Path | None,
        typer.Option(help="A screenshot or a photographed letter to read the question from."),
    ] = None,
    generator: GeneratorName = None,
    base_url: BaseUrl = None,
    model: EndpointModel = None,
    allow_address: AllowAddress = None,
    database: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Answer a question, or hold a conversation until Ctrl-D.

    As the server does, live edits included; a named release, without them.
    """
    from apps.customer_service.generation.options import read_generation
    from apps.customer_service.graph.telling import open_facts
    from apps.customer_service.rules.known import known_names
    from apps.customer_service.rules.schema import AnswerRules
    from common.records.text import normalise
    from common.releases.registry import Registry
    from common.rules.reading import read_rules

    generation = read_generation(generator, base_url, model)
    registry = Registry(store, "customer_service")
    release = registry.open(release_id)
    if picture is not None:
        question = _read(picture, question)
    if question is not None and not normalise(question):
        raise UserError("the question is empty")
    found = read_rules(rules, AnswerRules, known_names(store, database)) if rules else None
    facts = open_facts(graph) if graph else None

    from apps.customer_service.conversation.session import Session, open_dialogue
    from apps.customer_service.generation.rewriting import Rewriting
    from apps.customer_service.generation.writing import Writers
    from apps.customer_service.release import load_edited, load_release

    if release_id is None:
        answerer = load_edited(release, store, database, device=device)
    else:
        answerer = load_release(release, device=device)
    writers = Writers(generation, device)
    writers.prepare(release, answerer)
    if facts:
        facts.say_contradictions(answerer.faqs.values())
    dialogue = open_dialogue(
        answerer, release, registry.root, found, composes=writers.composes(answerer), facts=facts
    )
    session = Session(dialogue, language)
    rewriting = Rewriting(writers.of, lambda: answerer)
    if question is None:
        _converse(session, rewriting, as_json)
    else:
        _show(session, rewriting, question, as_json)


def _read(picture: Path, question: str | None) -> str:
    """The question that is written in a picture; says what was read."""
    from apps.customer_service.pictures.question import question_of
    from common.records.pictures.reading import PictureReader
    from common.serving.cpus import available_cpus

    if question is not None:
        raise UserError("a question and a picture of one", hint="Give either.")
    if not picture.is_file():
        raise UserError("no such file", where=str(picture))
    reader = PictureReader(available_cpus())
    read = question_of(reader, picture.read_bytes(), str(picture))
    say(f"Read: {read}")
    return read


def _converse(session: Session, rewriting: Rewriting, as_json: bool) -> None:
    """Read a message a line; the arrow keys bring back earlier ones where there is a terminal."""
    import contextlib
    import sys

    from common.records.text import normalise

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
        except UnicodeDecodeError as error:
            raise UserError(f"what is read from stdin is not UTF-8: {error.reason}") from None
        if normalise(message):
            _show(session, rewriting, message, as_json)


def _show(session: Session, rewriting: Rewriting, message: str, as_json: bool) -> None:
    from apps.customer_service.answers.answering import prepare
    from apps.customer_service.answers.showing import print_answer
    from apps.customer_service.generation.showing import print_composed

    answer = rewriting.at_once(session.say(message), prepare(message))
    if as_json:
        print_json(answer.model_dump())
    elif answer.composed_by:
        print_composed(answer)
    else:
        print_answer(answer)
