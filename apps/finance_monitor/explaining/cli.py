"""`explain`: the words behind a sentiment and its topics."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from apps.finance_monitor.options_cli import Entities, ReleaseId, open_registry
from apps.finance_monitor.schema import SentimentScore
from common.cli import Device, Json, Store, new_app
from common.errors import UserError
from common.evaluation.explanation.explanation_cli import (
    MethodOption,
    Text,
    check_text,
    chosen_method,
    show_explanation,
)

verbs = new_app("Explain.")


@verbs.command()
def explain(
    text: Text,
    release_id: ReleaseId = None,
    company: Annotated[
        str | None, typer.Option("--company", help="What the text says of this one.")
    ] = None,
    entities: Entities = None,
    method: MethodOption = None,
    device: Device = "auto",
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Which words of a text made its sentiment and topics, and what it was learned from.

    With --company, which made what it says of that one; --entities tells what it is called, and
    which others the text names. The only company of a text has the text's sentiment.
    """
    check_text(text)
    _check_company(company, entities)
    chosen = chosen_method(method)
    release = open_registry(store).open(release_id)

    from apps.finance_monitor.explaining.story import (
        explain_story,
        explain_towards,
        learned_from,
    )
    from apps.finance_monitor.learning.lessons import LESSONS, load_lessons
    from apps.finance_monitor.release import load_release
    from apps.finance_monitor.stories.companies import mentions_in, read_entities
    from apps.finance_monitor.stories.text import prepare
    from apps.finance_monitor.targets.pointing import point_at

    classifier = load_release(release, device=device)
    if company and not classifier.network.has_targets:
        raise UserError(
            f"--company: release {release.release_id} learned no sentiment towards companies",
            hint="Train with texts that have `targets`, or leave --company out.",
        )
    has_lessons = (release.directory / LESSONS).exists()
    learned = learned_from(classifier, load_lessons(release).train) if has_lessons else None
    listed = read_entities(entities) if entities else None
    name = company and ((listed.named(company) if listed else None) or company)
    named = mentions_in(text, [name] if name else [], listed)
    if name and classifier.judges(named):
        found = explain_towards(classifier, text, name, named, chosen, learned)
        reading = classifier.read([point_at(prepare(text), name, named)])[0]
        score = classifier.target_score(reading)
    else:
        found = explain_story(classifier, text, chosen, learned)
        score = classifier.sentiment_score(classifier.read([prepare(text)])[0])
    heading = {"company": name} if name else {}
    show_explanation(found, heading | _told(score), as_json=as_json)


def _check_company(company: str | None, entities: Path | None) -> None:
    if company is not None and not company.strip():
        raise UserError("--company is empty", hint="Name the company, or leave it out.")
    if entities and company is None:
        raise UserError(
            "--entities without --company",
            hint="Name the company that is asked about, or leave --entities out.",
        )


def _told(score: SentimentScore) -> dict[str, Any]:
    return {"sentiment": score.label, "probabilities": score.probabilities}
