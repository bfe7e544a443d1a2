"""`suspects` and `suggest-labels`: labels that are probably wrong, and news to label next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from apps.finance_monitor.options_cli import APPLICATION, FileOptions, ReleaseId, open_registry
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
    news: Annotated[list[Path], typer.Option("--news", help="Labelled news.", callback=existing)],
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
    sources = FileOptions(news, mapping=mapping, on_bad_row=on_bad_row).sources(store)
    if apply is not None:
        from apps.finance_monitor.labelling.news import shown_text
        from apps.finance_monitor.schema import TrainingRecord
        from common.learning.labelling.correcting import Files

        files = Files(news, TrainingRecord, shown_text, sources.mapping)
        correct(files, apply, out, as_json=as_json)
        return
    from common.tuning.labelling.suspects import check_installed

    check_installed()

    from apps.finance_monitor.labelling.news import labelled_fields

    fields = labelled_fields(sources)
    caches = store / APPLICATION / "vectors"
    show_suspects(fields, backbone, caches, out, device=device, seed=seed, as_json=as_json)


@verbs.command("suggest-labels")
def suggest_labels(
    out: ToLabel,
    count: Count = None,
    texts: Texts = None,
    labelled: LabelledFile = None,
    form: Form = "table",
    wanted: Annotated[
        Literal["sentiment", "topics"] | None,
        typer.Option(
            "--label",
            help="Which label is asked for. Default: sentiment, or topics where a release tells no "
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
    """Which news to label next, as a table, or for Argilla or Label Studio."""
    check_asked(count, texts, labelled, form, out)
    release = open_registry(store).open(release_id)

    from apps.finance_monitor.labelling.news import asked_label, read_by, shown_text

    label = asked_label(release.manifest, wanted)
    if labelled is not None:
        take_back(labelled, form, out, ("text", label), as_json=as_json)
        return
    from apps.finance_monitor.data import read_news
    from apps.finance_monitor.learning.lessons import load_lessons
    from apps.finance_monitor.release import load_release
    from common.learning.labelling.asking import new_texts

    given = FileOptions(texts, mapping=mapping, on_bad_row=on_bad_row)
    files = read_news(given.sources(store))
    # A text that is known for its companies alone may still be asked about.
    known = {example.text for example in load_lessons(release).examples}
    fresh = new_texts([shown_text(record) for file in files for record in file], known)
    classifier = load_release(release, device=device)
    show_questions(
        fresh,
        lambda some: read_by(classifier, label, some),
        count or 0,
        out,
        form,
        columns=("text", label),
        release_id=release.release_id,
        seed=seed,
        as_json=as_json,
    )
