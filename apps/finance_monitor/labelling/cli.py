"""`suspects` and `suggest-labels`: labels that are probably wrong, and news to label next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from apps.finance_monitor.options_cli import APPLICATION, FileOptions, ReleaseId, open_registry
from common.cli import BadRow, Json, Mapping, OnBadRow, Store, existing, new_app
from common.groups_cli import grouped
from common.learning.labelling.cli import SuggestOptions, SuspectOptions

verbs = new_app("Labels.")


@verbs.command()
@grouped
def suspects(
    *,
    news: Annotated[list[Path], typer.Option("--news", help="Labelled news.", callback=existing)],
    given: SuspectOptions,
    mapping: Mapping = None,
    on_bad_row: OnBadRow = BadRow.fail,
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Labels that are probably wrong, to correct in a table; --apply takes it back."""
    sources = FileOptions(news, mapping=mapping, on_bad_row=on_bad_row).sources(store)
    if given.apply is not None:
        from apps.finance_monitor.labelling.news import shown_text
        from apps.finance_monitor.schema import TrainingRecord
        from common.learning.labelling.correcting import Files

        files = Files(news, TrainingRecord, shown_text, sources.mapping)
        given.correct(files, given.apply, as_json=as_json)
        return
    from common.tuning.labelling.suspects import check_installed

    check_installed()

    from apps.finance_monitor.labelling.news import labelled_fields

    caches = store / APPLICATION / "vectors"
    given.show(labelled_fields(sources), caches, as_json=as_json)


@verbs.command("suggest-labels")
@grouped
def suggest_labels(
    *,
    given: SuggestOptions,
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
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Which news to label next, as a table, or for Argilla or Label Studio."""
    given.check()
    release = open_registry(store).open(release_id)

    from apps.finance_monitor.labelling.news import asked_label, read_by, shown_text

    label = asked_label(release.manifest, wanted)
    if given.labelled is not None:
        given.take_back(given.labelled, ("text", label), as_json=as_json)
        return
    from apps.finance_monitor.data import read_news
    from apps.finance_monitor.learning.lessons import load_lessons, spelled
    from apps.finance_monitor.release import load_release, tickers_of
    from apps.finance_monitor.stories.text import spell_tickers
    from common.learning.labelling.asking import new_texts
    from common.records.text import fold

    named = FileOptions(given.texts, mapping=mapping, on_bad_row=on_bad_row)
    files = read_news(named.sources(store))
    # A text that is known for its companies alone may still be asked about.
    tickers = tickers_of(release)
    known = {fold(one.text) for one in spelled(load_lessons(release).examples, tickers)}
    shown = [shown_text(record) for file in files for record in file]
    fresh = new_texts(shown, [one for one in shown if fold(spell_tickers(one, tickers)) in known])
    classifier = load_release(release, device=given.device)
    given.show(
        fresh,
        lambda some: read_by(classifier, label, some),
        columns=("text", label),
        release_id=release.release_id,
        as_json=as_json,
    )
