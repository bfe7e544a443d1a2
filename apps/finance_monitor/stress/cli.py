"""`stress`: the figures again, on news that is written otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from apps.finance_monitor.options_cli import ReleaseId, open_registry, read_from
from common.cli import BadRow, Device, Json, Mapping, OnBadRow, Store, existing, new_app
from common.errors import UserError
from common.evaluation.stress.stress_cli import Out, Seed, check_out, show_stress

verbs = new_app("Stress.")


@verbs.command()
def stress(
    news: Annotated[
        list[Path], typer.Option("--news", help="Labelled, held-out news.", callback=existing)
    ],
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

    A negated text should change its sentiment; that is a diagnosis, and no figure of quality.
    """
    check_out(out)
    from apps.finance_monitor.data import read_examples

    release = open_registry(store).open(release_id)
    examples = read_examples(read_from(None, None, news, mapping, on_bad_row, store))
    # What a company is marked by would be written otherwise, too.
    examples = [example for example in examples if example.target is None]
    if not examples:
        raise UserError("no labels: nothing to measure by", hint="--map sentiment=COLUMN")

    from apps.finance_monitor.release import load_release
    from apps.finance_monitor.stress.judging import judge_of
    from common.evaluation.stress.measuring import stress as put_under_stress
    from common.evaluation.stress.perturbations import perturbations

    judge = judge_of(load_release(release, device=device), examples)
    texts = [example.text for example in examples]
    found = put_under_stress(texts, judge, perturbations(), seed=seed)
    show_stress(found, release.release_id, out, as_json=as_json)
