"""`suspects` and `suggest-labels`: labels that are probably wrong, and questions to label next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from apps.customer_service.options_cli import Faqs, FileOptions, ReleaseId, open_registry
from common.cli import (
    Backbone,
    BadRow,
    Device,
    Json,
    Mapping,
    OnBadRow,
    Store,
    existing,
    new_app,
)
from common.learning.cli import Form
from common.learning.labelling.cli import (
    Apply,
    Count,
    LabelledFile,
    SuspectsOut,
    Texts,
    ToLabel,
    check_asked,
    correct,
    show_questions,
    show_suspects,
    take_back,
)

verbs = new_app("Labels.")


@verbs.command()
def suspects(
    questions: Annotated[
        list[Path],
        typer.Option("--questions", help="Questions with faq_id or intent.", callback=existing),
    ],
    faqs: Faqs = None,
    out: SuspectsOut = None,
    apply: Apply = None,
    mapping: Mapping = None,
    on_bad_row: OnBadRow = BadRow.fail,
    backbone: Backbone = "auto",
    device: Device = "auto",
    seed: Annotated[int, typer.Option(help="Of the folds.")] = 0,
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Labels that are probably wrong, to correct in a table; --apply takes it back."""
    files = FileOptions(faqs, questions, mapping=mapping, on_bad_row=on_bad_row)
    sources = files.sources(store)
    if apply is not None:
        from apps.customer_service.labelling.questions import shown_text
        from apps.customer_service.schema import Question
        from common.learning.labelling.correcting import Files

        own = {n: c for n, c in sources.mapping.items() if n in Question.model_fields}
        correct(Files(questions, Question, shown_text, own), apply, out, as_json=as_json)
        return
    from common.tuning.labelling.suspects import check_installed

    check_installed()

    from apps.customer_service.labelling.questions import labelled_fields

    fields = labelled_fields(sources)
    caches = store / "customer_service" / "vectors"
    show_suspects(fields, backbone, caches, out, device=device, seed=seed, as_json=as_json)


@verbs.command("suggest-labels")
def suggest_labels(
    out: ToLabel,
    count: Count = None,
    texts: Texts = None,
    labelled: LabelledFile = None,
    form: Form = "table",
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
    device: Device = "auto",
    seed: Annotated[int, typer.Option(help="Of the grouping.")] = 0,
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Which questions to label next, as a table, or for Argilla or Label Studio."""
    check_asked(count, texts, labelled, form, out)
    release = open_registry(store).open(release_id)

    from apps.customer_service.labelling.questions import asked_label, read_by, shown_text

    label = asked_label(release.manifest, wanted)
    if labelled is not None:
        take_back(labelled, form, out, ("question", label), as_json=as_json)
        return
    from apps.customer_service.data import read_question_files
    from apps.customer_service.learning.lessons import load_lessons
    from apps.customer_service.release import load_release
    from common.learning.labelling.asking import new_texts

    given = FileOptions(questions=texts, mapping=mapping, on_bad_row=on_bad_row)
    files = read_question_files(given.sources(store))
    known, _ = load_lessons(release)
    fresh = new_texts([shown_text(record) for file in files for record in file], known.texts)
    answerer = load_release(release, device=device)
    show_questions(
        fresh,
        lambda some: read_by(answerer, label, some),
        count or 0,
        out,
        form,
        columns=("question", label),
        release_id=release.release_id,
        seed=seed,
        as_json=as_json,
    )
