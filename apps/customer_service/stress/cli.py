"""`stress`: the figures again, on questions that are written otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apps.customer_service.options_cli import FileOptions, ReleaseId, open_registry
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
    questions: Annotated[
        list[Path] | None,
        typer.Option("--questions", help="Held-out questions.", callback=existing),
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
    """What typing errors, other words, script or length and injected instructions cost.

    Of expectations it tells which are not met. Exit code 3 where an instruction in a question
    brought an answer about.
    """
    check_out(out)
    if not questions and not expectations:
        raise UserError(
            "nothing to put under stress", hint="Give --questions FILE, --expectations FILE."
        )
    from apps.customer_service.data import read_faqs_of, read_questions

    release = open_registry(store).open(release_id)
    files = FileOptions(questions=questions, mapping=mapping, on_bad_row=on_bad_row)
    examples = read_questions(files.sources(store), read_faqs_of(release)) if questions else []
    wanted = expected_by(expectations, release=release)

    from apps.customer_service.release import load_release
    from apps.customer_service.stress.judging import decide_with, judge_of
    from common.evaluation.stress.expectations.checking import check
    from common.evaluation.stress.measuring import stress as put_under_stress
    from common.evaluation.stress.perturbations import perturbations

    answerer = load_release(release, device=device)
    judge = judge_of(answerer, examples)
    texts = [example.text for example in examples]
    found = put_under_stress(texts, judge, perturbations(), seed=seed) if texts else []
    met = check(wanted, decide_with(answerer)) if wanted else None
    show_stress(found, release.release_id, out, as_json=as_json, refuse=True, expected=met)


def expected_by(
    paths: list[Path] | None,
    faqs: Iterable[str] = (),
    intents: Iterable[str] = (),
    *,
    release: Release | None = None,
) -> Expectations | None:
    """The expectations of these files, of answers and intents that there are.

    Args:
        faqs, intents: those that are to be learned.
        release: one that knows others.

    Raises:
        UserError: as `read_expectations` and `check_known`.
    """
    if not paths:
        return None
    from typing import get_args

    from apps.customer_service.data import read_faqs_of
    from apps.customer_service.schema import Decision
    from apps.customer_service.stress.judging import CONFIDENCE, DECISIONS
    from common.evaluation.stress.expectations.reading import check_known, read_expectations
    from common.files import read_json

    ids, names = {*faqs}, {*intents}
    if release:
        ids |= read_faqs_of(release).keys()
        names |= {*read_json(release.directory / "model.json")["intents"]}
    found = read_expectations(paths, DECISIONS)
    known = {"answer": ids or names, "intent": names, "decision": get_args(Decision)}
    check_known(found, known, [*names, CONFIDENCE])
    return found
