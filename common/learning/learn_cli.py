"""The verb `learn` of every application."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from common.cli import Device, Json, Store, existing, print_json
from common.console import results, say, show_table
from common.durations import parse_period
from common.errors import RefusedError
from common.learning.options_cli import DatabaseUrl, open_store

if TYPE_CHECKING:
    from common.learning.candidates.groups import Grouping
    from common.learning.candidates.releasing import Learned
    from common.learning.store import FeedbackStore
    from common.releases.registry import Registry
    from common.releases.release import Release

LOOK_SECONDS = 10.0
SHADOWS_SHOWN = 10
# A candidate with other weights takes some 100 MB, one with other knowledge next to nothing.
KEPT_RELEASES = 20

PromoteCandidate = Annotated[
    bool, typer.Option("--promote", help="Let the candidate serve if it passes the gate.")
]
Every = Annotated[
    str | None, typer.Option("--every", help="Go on, and learn anew each time, e.g. 24h.")
]
After = Annotated[
    int | None,
    typer.Option("--after", min=1, help="Go on, and learn whenever so many corrections came."),
]
KeepReleases = Annotated[
    int,
    typer.Option(
        "--keep-releases",
        min=1,
        envvar="BIZLM_KEEP_RELEASES",
        help="How many releases that learned are kept, the newest; those trained stay.",
    ),
]
By = Annotated[
    str | None,
    typer.Option(
        "--by", help="Groups of golden records that may not get worse, e.g. language,segment."
    ),
]


class Learn(Protocol):
    """Makes a candidate of what people said, and lets it serve if it is wanted and passes."""

    def __call__(
        self,
        registry: Registry,
        store: FeedbackStore,
        *,
        promote: bool,
        per_source: float,
        golden: Sequence[Path],
        shadow: timedelta | None,
        by: Sequence[str],
        device: str,
    ) -> Learned:
        """Learn once."""


class Load(Protocol):
    """Loads a release."""

    def __call__(self, release: Release, *, device: str) -> object:
        """Onto a device."""


def add_learn_verb(
    app: typer.Typer,
    application: str,
    find_learn: Callable[[], Learn],
    find_load: Callable[[], Load],
    find_grouping: Callable[[], Grouping[Any]],
) -> None:
    """Add the verb.

    Args:
        find_learn, find_load, find_grouping: import what learns, what loads, and what records can
            be grouped by, only when it is needed.
    """

    @app.command()
    def learn(
        promote: PromoteCandidate = False,
        per_source: Annotated[
            float, typer.Option(min=0.001, max=1, help="Most corrections of one source, a share.")
        ] = 0.05,
        golden: Annotated[
            list[Path] | None,
            typer.Option(
                help="Records of your own that candidates are measured on, from now on, in place "
                "of those held out.",
                callback=existing,
            ),
        ] = None,
        shadow: Annotated[
            str | None,
            typer.Option(help="Put to the candidate what was asked in this time, e.g. 24h."),
        ] = None,
        by: By = None,
        every: Every = None,
        after: After = None,
        keep_releases: KeepReleases = KEPT_RELEASES,
        wait: Annotated[
            bool, typer.Option("--wait", help="Load everything, then begin at a line on stdin.")
        ] = False,
        device: Device = "auto",
        store: Store = Path("var"),
        database: DatabaseUrl = None,
        as_json: Json = False,
    ) -> None:
        """Learn from confirmed corrections; a candidate that is no better does not serve."""
        period = parse_period(shadow) if shadow else None
        groups = find_grouping().choose(by)
        if wait:
            _load_ahead(application, find_load, store, device)
            if not sys.stdin.readline():
                return
        from common.releases.registry import Registry
        from common.storage.leases import lease

        registry = Registry(store, application)
        registry.open()
        with open_store(store, database, application) as feedback:

            def once() -> Learned:
                with lease(feedback.database, f"learn {application}"):
                    return find_learn()(
                        registry,
                        feedback,
                        promote=promote,
                        per_source=per_source,
                        golden=golden or (),
                        shadow=period,
                        by=groups,
                        device=device,
                    )

            def said() -> int:
                return sum(feedback.counts("correction").values())

            run_learning(
                once,
                said,
                lambda: prune_learned(registry, keep_releases),
                every=every,
                after=after,
                as_json=as_json,
            )


def run_learning(
    once: Callable[[], Learned],
    said: Callable[[], int],
    prune: Callable[[], None],
    *,
    every: str | None,
    after: int | None,
    as_json: bool,
) -> None:
    """Learn and show what came of it; then perhaps again and again.

    Args:
        said: how many rows there are to learn from.
        prune: clears old releases away, after each time.
        every: a period, see `parse_period`, after which it is done anew.
        after: so many new rows after which it is done anew.

    Raises:
        RefusedError: the candidate did not pass, and it was to be done once.
    """
    from common.storage.database import DATABASE_TROUBLE, database_said

    pause = parse_period(every) if every else None

    def learn_once() -> None:
        learned = once()
        prune()
        _show(learned, as_json=as_json)

    if pause is None and after is None:
        learn_once()
        return
    seen = 0
    while True:
        if after is not None and pause is None:
            _wait_for(said, seen + after, None)
        before = seen
        try:
            seen = said()
            learn_once()
        except RefusedError as error:
            say(f"Error: {error}")
        except DATABASE_TROUBLE as error:
            # It is down for a while: what could not be learned is learned next time.
            say(f"Error: the database does not answer: {database_said(error)}")
            seen = before
            time.sleep(LOOK_SECONDS)
        if pause is not None:
            _wait_for(said, None if after is None else seen + after, pause)


def prune_learned(registry: Registry, keep: int) -> None:
    """Delete the oldest releases that `learn` made; those that were trained are the user's."""
    from common.releases.pruning import prune

    if gone := (found := prune(registry, keep, learned_only=True)).release_ids:
        say(f"Old releases deleted: {', '.join(gone)} ({found.freed / 1e6:,.1f} MB)")


def _load_ahead(application: str, find_load: Callable[[], Load], store: Path, device: str) -> None:
    from common.releases.registry import Registry

    find_load()(Registry(store, application).open(), device=device)


def _wait_for(said: Callable[[], int], rows: int | None, pause: timedelta | None) -> None:
    """Until there are so many rows, or so much time has passed."""
    from common.storage.database import DATABASE_TROUBLE

    begun = time.monotonic()
    while pause is None or time.monotonic() - begun < pause.total_seconds():
        # A database that is down for a while tells of nothing new.
        with suppress(*DATABASE_TROUBLE):
            if rows is not None and said() >= rows:
                return
        time.sleep(LOOK_SECONDS)


def _show(learned: Learned, *, as_json: bool) -> None:
    if as_json:
        print_json(_to_json(learned))
    else:
        _print(learned)
    if learned.candidate is not None and not learned.passed:
        raise RefusedError(
            learned.verdict,
            hint=f"The candidate is kept: {learned.candidate.report}",
        )


def _print(learned: Learned) -> None:
    from common.learning.candidates.report import comparison_table, review_table

    if learned.made_before and not learned.passed:
        return
    if not learned.made_before:
        show_table(review_table(learned.review))
    if learned.candidate is None:
        results().print(learned.verdict, markup=False)
        return
    if learned.comparison is not None and learned.cost is not None:
        show_table(comparison_table(learned.comparison, learned.cost))
        for text in learned.comparison.turned_wrong:
            results().print(f"Turned wrong: {text}", markup=False)
    if learned.shadow is not None:
        results().print(learned.shadow.text, markup=False)
        for one in learned.shadow.disagreements[:SHADOWS_SHOWN]:
            line = f"  {one.text}: {one.serving} → {one.candidate}"
            results().print(line, markup=False, soft_wrap=True)
    if learned.passed:
        results().print(learned.verdict, markup=False, soft_wrap=True)
    name = learned.candidate.release_id
    state = "Now serving." if learned.promoted else f"To let it serve: releases promote {name}"
    results().print(f"Release {name}. {state}", markup=False, soft_wrap=True)
    results().print(f"Report: {learned.candidate.report}", markup=False, soft_wrap=True)


def _to_json(learned: Learned) -> dict[str, object]:
    from dataclasses import asdict

    return {
        "release_id": learned.candidate and learned.candidate.release_id,
        "promoted": learned.promoted,
        "passed": learned.passed,
        "made_before": learned.made_before,
        "verdict": learned.verdict,
        "corrections": learned.review.summary(),
        "left_out": [asdict(one) for one in learned.review.left_out],
        "comparison": learned.comparison and asdict(learned.comparison),
        "cost": learned.cost and asdict(learned.cost),
        "shadow": learned.shadow and asdict(learned.shadow),
    }
