"""`stress`: the figures again, on questions that are written otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from apps.customer_service.options_cli import ReleaseId, open_registry, read_from
from common.cli import BadRow, Device, Json, Mapping, OnBadRow, Store, existing, new_app
from common.evaluation.stress.stress_cli import Out, Seed, check_out, show_stress

verbs = new_app("Stress.")


@verbs.command()
def stress(
    questions: Annotated[
        list[Path], typer.Option("--questions", help="Held-out questions.", callback=existing)
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
    """What typing errors, other words, script or length and injected instructions cost.

    Exit code 3 where an instruction in a question brought an answer about.
    """
    check_out(out)
    from apps.customer_service.data import read_faqs_of, read_questions

    release = open_registry(store).open(release_id)
    sources = read_from(None, questions, None, None, mapping, on_bad_row, store)
    examples = read_questions(sources, read_faqs_of(release))

    from apps.customer_service.release import load_release
    from apps.customer_service.stress.judging import judge_of
    from common.evaluation.stress.measuring import stress as put_under_stress
    from common.evaluation.stress.perturbations import perturbations

    judge = judge_of(load_release(release, device=device), examples)
    texts = [example.text for example in examples]
    found = put_under_stress(texts, judge, perturbations(), seed=seed)
    show_stress(found, release.release_id, out, as_json=as_json, refuse=True)
