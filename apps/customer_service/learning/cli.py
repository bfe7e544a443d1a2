"""`learn`: from what people said to a better release, or to none."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from common.cli import Device, Json, Store, new_app, print_json
from common.console import results, say, show_table
from common.durations import parse_period
from common.errors import RefusedError
from common.learning.cli import DatabaseUrl, add_feedback_verbs, open_store

if TYPE_CHECKING:
    from apps.customer_service.learning.learn import Learned

APPLICATION = "customer_service"
LABELS = ("faq_id", "answer")

verbs = new_app("Learn.")


def releases_holding(store: Path, text: str | None, whole: Collection[str]) -> Sequence[str]:
    """Releases that learned from what was purged."""
    from apps.customer_service.learning.lessons import forget
    from common.releases.registry import Registry

    return forget(Registry(store, APPLICATION), text, whole)


add_feedback_verbs(verbs, APPLICATION, "faq_id", LABELS, releases_holding)


@verbs.command()
def learn(
    promote: Annotated[
        bool, typer.Option("--promote", help="Let the candidate serve if it passes the gate.")
    ] = False,
    per_source: Annotated[
        float, typer.Option(min=0.001, max=1, help="Most corrections of one source, a share.")
    ] = 0.05,
    every: Annotated[
        str | None, typer.Option(help="Go on, and learn anew each time, e.g. 24h.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Load everything, then begin at a line on stdin.")
    ] = False,
    device: Device = "auto",
    store: Store = Path("var"),
    database: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Learn from confirmed corrections; a candidate that is no better does not serve."""
    pause = parse_period(every).total_seconds() if every else None
    if wait and not _told(store, device):
        return
    while True:
        try:
            _learn_once(promote, per_source, device, store, database, as_json)
        except RefusedError as error:
            if pause is None:
                raise
            say(f"Error: {error}")
        if pause is None:
            return
        time.sleep(pause)


def _told(store: Path, device: str) -> bool:
    """Whether a line came on stdin; what takes long to load is loaded before."""
    from apps.customer_service.release import load_release
    from common.releases.registry import Registry

    load_release(Registry(store, APPLICATION).open(), device=device)
    return bool(sys.stdin.readline())


def _learn_once(
    promote: bool,
    per_source: float,
    device: str,
    store: Path,
    database: str | None,
    as_json: bool,
) -> None:
    from common.releases.registry import Registry
    from common.storage.leases import lease

    registry = Registry(store, APPLICATION)
    registry.open()
    with (
        open_store(store, database, APPLICATION) as feedback,
        lease(feedback.database, f"learn {APPLICATION}"),
    ):
        from apps.customer_service.learning import learn as learning

        learned = learning.learn(
            registry, feedback, promote=promote, per_source=per_source, device=device
        )
    if as_json:
        print_json(_to_json(learned))
    else:
        _show(learned)
    if learned.candidate is not None and not learned.passed:
        raise RefusedError(
            learned.verdict,
            hint=f"The candidate is kept: {learned.candidate.directory / 'report.html'}",
        )


def _show(learned: Learned) -> None:
    from apps.customer_service.learning.report import comparison_table, review_table

    show_table(review_table(learned.review))
    if learned.comparison is None or learned.candidate is None:
        results().print(learned.verdict, markup=False)
        return
    show_table(comparison_table(learned.comparison))
    for text in learned.comparison.turned_wrong:
        results().print(f"Turned wrong: {text}", markup=False)
    if learned.passed:
        results().print(learned.verdict, markup=False, soft_wrap=True)
    name = learned.candidate.release_id
    state = "Now serving." if learned.promoted else f"To let it serve: releases promote {name}"
    results().print(f"Release {name}. {state}", markup=False, soft_wrap=True)
    report = learned.candidate.directory / "report.html"
    results().print(f"Report: {report}", markup=False, soft_wrap=True)


def _to_json(learned: Learned) -> dict[str, object]:
    from dataclasses import asdict

    from common.learning.review import to_json

    return {
        "release_id": learned.candidate and learned.candidate.release_id,
        "promoted": learned.promoted,
        "passed": learned.passed,
        "verdict": learned.verdict,
        "corrections": to_json(learned.review),
        "left_out": [asdict(one) for one in learned.review.left_out],
        "comparison": learned.comparison and asdict(learned.comparison),
    }
