"""`stress`: whether what a shop expects of its lists is met."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from apps.recommender.options_cli import (
    AsOf,
    FileOptions,
    ReleaseId,
    open_registry,
    parse_moment,
)
from common.cli import Device, Json, Store, new_app
from common.errors import UserError
from common.evaluation.stress.expectations.expectations_cli import ExpectationsFile
from common.evaluation.stress.stress_cli import Out, check_out, show_stress
from common.groups_cli import grouped

if TYPE_CHECKING:
    from apps.recommender.catalogue.items import Catalogue
    from apps.recommender.data import Dataset
    from apps.recommender.pipeline.pipeline import Pipeline
    from common.evaluation.stress.expectations.expectation import Expectations

verbs = new_app("Stress.")


@verbs.command()
@grouped
def stress(
    *,
    files: FileOptions,
    expectations: ExpectationsFile = None,
    as_of: AsOf = None,
    out: Out = None,
    release_id: ReleaseId = None,
    device: Device = "auto",
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Which expectations of lists are not met: what must not matter, what must, what must be so.

    A text is a history: `purchase book-1, dislike book-2`.
    """
    check_out(out)
    if not expectations:
        raise UserError("nothing to put under stress", hint="Give --expectations FILE.")
    moment = parse_moment(as_of, "--as-of")
    registry = open_registry(store)
    release = registry.open(release_id)
    dataset = files.read(store, as_of=moment, release=release)
    wanted = expected_by(expectations, dataset)
    assert wanted is not None

    from apps.recommender.release import load_release, prepare
    from apps.recommender.stress.judging import decide_with
    from common.evaluation.stress.expectations.checking import check

    model, caches = load_release(release), registry.root / "vectors"

    def build(catalogue: Catalogue) -> Pipeline:
        data = replace(dataset, catalogue=catalogue)
        return model.pipeline(prepare(model, data, caches, as_of=moment, device=device))

    decide = decide_with(build(dataset.catalogue), dataset.behaviors, build)
    show_stress([], release.release_id, out, as_json=as_json, expected=check(wanted, decide))


def expected_by(paths: list[Path] | None, dataset: Dataset) -> Expectations | None:
    """The expectations of these files, of items that there are.

    Raises:
        UserError: as `read_expectations` and `check_labels`.
    """
    if not paths:
        return None
    from apps.recommender.stress.judging import DECISIONS, LISTS, check_labels
    from common.evaluation.stress.expectations.reading import read_expectations

    found = read_expectations(paths, DECISIONS, LISTS)
    check_labels(found, dataset.catalogue, dataset.behaviors)
    return found
