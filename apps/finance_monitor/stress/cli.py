"""`stress`: the figures again, on news that is written otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apps.finance_monitor.options_cli import FileOptions, ReleaseId, open_registry
from common.cli import BadRow, Device, Json, Mapping, OnBadRow, Store, existing, new_app
from common.errors import UserError
from common.evaluation.stress.expectations.expectations_cli import ExpectationsFile
from common.evaluation.stress.stress_cli import Out, Seed, check_out, show_stress

if TYPE_CHECKING:
    from common.evaluation.stress.expectations.expectation import Expectations
    from common.releases.release import Release

verbs = new_app("Stress.")


@verbs.command()
def stress(
    news: Annotated[
        list[Path] | None,
        typer.Option("--news", help="Labelled, held-out news.", callback=existing),
    ] = None,
    pairs: Annotated[
        list[Path] | None,
        typer.Option(
            "--pairs",
            help="Pairs of texts that differ in little and have different sentiments: how many "
            "are read the right way round. May be repeated.",
            callback=existing,
        ),
    ] = None,
    expectations: ExpectationsFile = None,
    out: Out = None,
    release_id: ReleaseId = None,
    mapping: Mapping = None,
    on_bad_row: OnBadRow = BadRow.fail,
    seed: Seed = 0,
    device: Device = "auto",
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """What typing errors, other words, script or length and negation do to the labels.

    A negated text should change its sentiment; that is a diagnosis, and no figure of quality. Of
    pairs it is one: both texts are to be right. Of expectations it tells which are not met.
    """
    check_out(out)
    if not news and not pairs and not expectations:
        raise UserError(
            "nothing to put under stress",
            hint="Give --news FILE, --pairs FILE, --expectations FILE.",
        )
    if out and not news and not expectations:
        raise UserError(
            "--out is of news that is written otherwise, or of expectations",
            hint="Give --news FILE or --expectations FILE.",
        )
    from apps.finance_monitor.data import read_examples, read_pairs

    release = open_registry(store).open(release_id)
    wanted = expected_by(expectations, release=release)
    files = FileOptions(test=news, mapping=mapping, on_bad_row=on_bad_row)
    sources = files.sources(store)
    examples = read_examples(sources)
    # What a company is marked by would be written otherwise, too.
    examples = [example for example in examples if example.target is None]
    if news and not examples:
        raise UserError("no labels: nothing to measure by", hint="--map sentiment=COLUMN")
    opposites = [one for path in pairs or () for one in read_pairs(path, sources, "test")]

    from apps.finance_monitor.release import load_release
    from apps.finance_monitor.stress.direction import direction
    from apps.finance_monitor.stress.judging import decide_with, judge_of
    from common.evaluation.stress.expectations.checking import check
    from common.evaluation.stress.measuring import stress as put_under_stress
    from common.evaluation.stress.perturbations import perturbations

    classifier = load_release(release, device=device)
    texts = [example.text for example in examples]
    judge = judge_of(classifier, examples)
    found = put_under_stress(texts, judge, perturbations(), seed=seed) if texts else []
    pointed = direction(classifier, opposites) if opposites else None
    met = check(wanted, decide_with(classifier)) if wanted else None
    show_stress(found, release.release_id, out, as_json=as_json, pairs=pointed, expected=met)


def expected_by(
    paths: list[Path] | None, topics: Iterable[str] = (), *, release: Release | None = None
) -> Expectations | None:
    """The expectations of these files, of labels that there are.

    Args:
        topics: those that are to be learned.
        release: one that knows others.

    Raises:
        UserError: as `read_expectations` and `check_labels`.
    """
    if not paths:
        return None
    from apps.finance_monitor.stress.judging import DECISIONS, check_labels
    from common.evaluation.stress.expectations.reading import read_expectations

    found = read_expectations(paths, DECISIONS)
    check_labels(found, [*topics, *(release.manifest["topics"] if release else ())])
    return found
