"""The verbs `experiment` and `decisions`: what came of lists that were shown."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from apps.recommender.experiments.actions import GRAPHS, Action
from apps.recommender.learning.cli import open_events
from apps.recommender.options_cli import kept_behaviors, open_registry
from common.cli import Json, Store, new_app, print_json
from common.console import results, say, show_table
from common.errors import UserError
from common.learning.options_cli import DatabaseUrl

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.table import Table

    from apps.recommender.experiments.assignment import Arms, Experiment
    from apps.recommender.experiments.outcome import Outcome
    from common.releases.registry import Registry
    from common.releases.release import Release
    from common.serving.switching.live import LiveRelease

Compare = Annotated[
    str | None,
    typer.Option("--compare", help="A release that a share of the users is shown in its place."),
]
CompareShare = Annotated[
    str | None, typer.Option("--share", help="Of the users, for --compare; 10% without it.")
]
verbs = new_app("Experiments.")


@verbs.command()
def experiment(
    store: Store = Path("var"),
    database: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """What came of `serve --compare`; exits with 3 where too few users can tell."""
    registry = open_registry(store)
    release = registry.open()

    from apps.recommender.experiments.outcome import refuse_too_few
    from apps.recommender.experiments.telling import find_experiment, row_of, tell
    from apps.recommender.interactions.behaviors import parse_behaviors

    serving_id = release.release_id
    running = find_experiment(registry.root, serving_id)
    behaviors = parse_behaviors(None, kept_behaviors(release))
    with open_events(store, database) as events:
        since, found = tell(running, serving_id, events, behaviors)
    refuse_too_few(found)
    if as_json:
        print_json(row_of(running, serving_id, since, found).model_dump(mode="json"))
        return
    begin = datetime.fromtimestamp(since, UTC)
    show_table(_table(found, f"{running.share:.1%} of the users, since {begin:%Y-%m-%d %H:%M} UTC"))
    first = found[0]
    verdict = (
        f"{running.release_id} is {'better' if (first.difference or 0) > 0 else 'worse'}: the "
        "interval leaves out zero."
        if first.is_shown
        else "No difference is shown: the interval holds zero."
    )
    results().print(verdict, markup=False)


@verbs.command()
def decisions(
    out: Annotated[Path, typer.Argument(help="A directory for decisions.csv and graph.toml.")],
    action: Annotated[
        Action,
        typer.Option("--action", help="release: serve --compare; explored: serve --explore."),
    ] = Action.release,
    store: Store = Path("var"),
    database: DatabaseUrl = None,
) -> None:
    """Lists that were shown and what was taken of them, for `python -m apps effect`."""
    registry = open_registry(store)
    release = registry.open()

    from apps.recommender.experiments.decisions import decisions_of
    from apps.recommender.experiments.telling import find_experiment
    from apps.recommender.interactions.behaviors import parse_behaviors
    from apps.recommender.learning.disliking import Disliking
    from apps.recommender.learning.taking import read_reported
    from common.evaluation.effects.starting import write_log

    serving_id, running = release.release_id, None
    if action is Action.release:
        running = find_experiment(registry.root, serving_id)
    behaviors = parse_behaviors(None, kept_behaviors(release))
    with open_events(store, database) as events:
        disliking = Disliking.of(events.counts(), events.ratings(), behaviors)
        reported = read_reported(events)
    rows = decisions_of(
        reported, disliking, action=action, experiment=running, serving_id=serving_id
    )
    write_log(out, rows, GRAPHS[action])


def open_experiment(
    registry: Registry, compare: str | None, share: str | None, release_id: str | None
) -> Experiment | None:
    """The experiment of a release beside the one that serves; None where none is wanted.

    So it is where the release was promoted since: a server that is started again has to start.
    Where none is wanted, the one that is kept ends.

    Args:
        release_id: of the one that serves; None: the promoted one.

    Raises:
        UserError: there is no such release, the share is none, or there is a share alone.
    """
    from apps.recommender.experiments.assignment import begin_experiment, end_experiment

    if compare is None:
        if share is not None:
            raise UserError(
                f"--share {share}: there is nothing to compare with", hint="Add --compare RELEASE."
            )
        end_experiment(registry.root)
        return None
    from apps.recommender.exploration.explorer import parse_share

    part = parse_share("--share", "10%" if share is None else share) or 0.0
    if part >= 1:
        raise UserError(f"--share {share}: nobody is left to compare with")
    other = registry.open(compare).release_id
    serving_id = registry.open(release_id).release_id
    if other == serving_id:
        end_experiment(registry.root)
        say(f"--compare {compare}: it is the release that serves, so nothing is compared.")
        return None
    experiment = begin_experiment(registry.root, other, part, serving_id)
    say(
        f"{part:.1%} of the users are shown {other}; see: experiment. Both releases are held, each "
        "with the data, which takes about twice the memory."
    )
    return experiment


def open_arms(
    registry: Registry,
    load: Callable[[Release], Any],
    live: LiveRelease[Any],
    experiment: Experiment | None,
) -> Arms[Any]:
    """The release that serves, and beside it the one of the experiment, if there is one."""
    from apps.recommender.experiments.assignment import Arms
    from common.serving.switching.live import LiveRelease

    if experiment is None:
        return Arms(live)
    say("Reading the data once more, for the release that is compared …")
    other = LiveRelease(registry, load, release_id=experiment.release_id)
    return Arms(live, experiment, other, registry.root)


def _table(found: Sequence[Outcome], title: str) -> Table:
    from rich.markup import escape
    from rich.table import Table

    first = found[0]
    table = Table("of what was shown", title=title, title_justify="left")
    for name in (first.serving.release_id, first.other.release_id, "points apart, 95 % interval"):
        table.add_column(name, justify="right")
    arms = (first.serving, first.other)
    table.add_row("users", *(f"{arm.users:,}" for arm in arms))
    table.add_row("items shown", *(f"{arm.shown:,}" for arm in arms))
    for one in found:
        rates = [f"{arm.rate:.2%}" for arm in (one.serving, one.other)]
        table.add_row(escape(one.behavior), *rates, _difference(one))
    return table


def _difference(one: Outcome) -> str:
    if one.difference is None or one.low is None or one.high is None:
        return "too few"
    return f"{100 * one.difference:+.2f} ({100 * one.low:+.2f} to {100 * one.high:+.2f})"
