"""`suspects` and `suggest-labels`: labels that are probably wrong, and questions to label next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from apps.customer_service.options_cli import Faqs, FileOptions, ReleaseId, open_registry
from common.cli import BadRow, Json, Mapping, OnBadRow, Store, existing, new_app
from common.groups_cli import grouped
from common.learning.labelling.cli import SuggestOptions, SuspectOptions

verbs = new_app("Labels.")


@verbs.command()
@grouped
def suspects(
    *,
    questions: Annotated[
        list[Path],
        typer.Option("--questions", help="Questions with faq_id or intent.", callback=existing),
    ],
    faqs: Faqs = None,
    given: SuspectOptions,
    mapping: Mapping = None,
    on_bad_row: OnBadRow = BadRow.fail,
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Labels that are probably wrong, to correct in a table; --apply takes it back."""
    sources = FileOptions(faqs, questions, mapping=mapping, on_bad_row=on_bad_row).sources(store)
    if given.apply is not None:
        from apps.customer_service.labelling.questions import shown_text
        from apps.customer_service.schema import Question
        from common.learning.labelling.correcting import Files

        own = {n: c for n, c in sources.mapping.items() if n in Question.model_fields}
        files = Files(questions, Question, shown_text, own)
        given.correct(files, given.apply, as_json=as_json)
        return
    from common.tuning.labelling.suspects import check_installed

    check_installed()

    from apps.customer_service.labelling.questions import labelled_fields

    caches = store / "customer_service" / "vectors"
    given.show(labelled_fields(sources), caches, as_json=as_json)


@verbs.command("suggest-labels")
@grouped
def suggest_labels(
    *,
    given: SuggestOptions,
    wanted: Annotated[
        Literal["faq_id", "intent"] | None,
        typer.Option(
            "--label",
            help="Which label is asked for. Default: faq_id, or intent where a release tells no "
            "other; --labelled must name the same.",
        ),
    ] = None,
    release_id: ReleaseId = None,
    mapping: Mapping = None,
    on_bad_row: OnBadRow = BadRow.fail,
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Which questions to label next, as a table, or for Argilla or Label Studio."""
    given.check()
    release = open_registry(store).open(release_id)

    from apps.customer_service.labelling.questions import asked_label, read_by, shown_text

    label = asked_label(release.manifest, wanted)
    if given.labelled is not None:
        given.take_back(given.labelled, ("question", label), as_json=as_json)
        return
    from apps.customer_service.data import read_question_files
    from apps.customer_service.learning.lessons import load_lessons
    from apps.customer_service.release import load_release
    from common.learning.labelling.asking import new_texts

    named = FileOptions(questions=given.texts, mapping=mapping, on_bad_row=on_bad_row)
    files = read_question_files(named.sources(store))
    known, _ = load_lessons(release)
    fresh = new_texts([shown_text(record) for file in files for record in file], known.texts)
    answerer = load_release(release, device=given.device)
    given.show(
        fresh,
        lambda some: read_by(answerer, label, some),
        columns=("question", label),
        release_id=release.release_id,
        as_json=as_json,
    )
