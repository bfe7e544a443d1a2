"""How `serve` explores, and `off-policy`: what a release would have earned by such a log."""

from __future__ import annotations

import os
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from apps.recommender.options_cli import (
    AsOf,
    Behavior,
    FileOptions,
    ReleaseId,
    open_registry,
    parse_moment,
)
from common.cli import Device, Json, Store, existing, new_app, parse_mapping, print_json
from common.console import results, say, show_table
from common.errors import UserError
from common.groups_cli import grouped

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.table import Table

    from apps.recommender.exploration.off_policy import OffPolicy
    from apps.recommender.interactions.behaviors import Behaviors
    from apps.recommender.learning.store import EventStore

Explore = Annotated[
    str | None,
    typer.Option(
        "--explore",
        help="Share of lists, e.g. 5%, that give one place to an item drawn from below.",
    ),
]


class ExploreBy(StrEnum):
    """How the item is drawn."""

    uniform = "uniform"
    thompson = "thompson"


ExploreHow = Annotated[
    ExploreBy,
    typer.Option(
        "--explore-by",
        help="uniform: all alike; thompson: those more often that were taken when chance showed "
        "them, or of which little is known.",
    ),
]
ExploreSeed = Annotated[int, typer.Option("--explore-seed", help="Of these draws.")]
verbs = new_app("Off-policy.")
NAMES = {
    "logged": "what was shown",
    "ips": "the release, IPS",
    "snips": "the release, SNIPS",
    "doubly_robust": "the release, doubly robust",
}


@verbs.command("off-policy")
@grouped
def off_policy(
    *,
    log: Annotated[
        Path,
        typer.Argument(
            help="user_id, item_id, propensity, reward, position; timestamp.", callback=existing
        ),
    ],
    files: FileOptions,
    as_of: AsOf = None,
    log_columns: Annotated[
        list[str] | None, typer.Option("--log-map", help="field=column, of the log.")
    ] = None,
    behavior: Behavior = None,
    release_id: ReleaseId = None,
    device: Device = "auto",
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """What a release would have earned a place; exits with 3 where the log cannot tell.

    The release ranks as of the beginning of the log, or as of --as-of.
    """
    moment = parse_moment(as_of, "--as-of")
    registry = open_registry(store)
    release = registry.open(release_id)

    from apps.recommender.exploration.logs import LoggedRow, begins, beside, read_log

    columns = parse_mapping(log_columns, set(LoggedRow.model_fields))
    rows = read_log(log, columns, files.on_bad_row.value, registry.root / "rejected")
    moment = begins(rows) if moment is None else moment
    dataset = files.read(store, behavior=behavior, release=release)

    from apps.recommender.exploration.off_policy import evaluate
    from apps.recommender.release import load_release, prepare

    model = load_release(release)
    prepared = prepare(model, dataset, registry.root / "vectors", as_of=moment, device=device)
    if moment is None:
        say("The log has no times: ranking as of after the last interaction (see --as-of).")
    found = beside(rows, model.pipeline(prepared), prepared.as_of)
    if found.unknown_users:
        say(f"{found.unknown_users:,} rows are left out: their users are not known.")
    result = evaluate(found.logged)
    if result.lacks_support:
        say(
            "The release shows items that the log could not have shown: the mean weight is "
            f"{result.mean_weight.value:.2f}, not 1. IPS is too low; trust SNIPS and doubly "
            "robust only if those items earn what the others do."
        )
    if as_json:
        print_json(
            {
                "release_id": release.release_id,
                "unknown_users": found.unknown_users,
                "lacks_support": result.lacks_support,
                **asdict(result),
            }
        )
        return
    show_table(_table(result))
    results().print(
        f"{result.rows:,} places, {result.users:,} users; {result.effective_rows:,.0f} rows count "
        "effectively.",
        markup=False,
    )


def open_share(explore: str | None, by: ExploreBy) -> float | None:
    """The share of lists that explore; what it costs is said."""
    from apps.recommender.exploration.explorer import parse_share, said

    if explore is None and by is not ExploreBy.uniform:
        raise UserError(f"--explore-by {by}: nothing explores", hint="Add --explore 5%.")
    share = parse_share("--explore", explore)
    if share:
        say(said(share))
    return share


def open_thompson(by: ExploreBy, store: EventStore, behaviors: Callable[[], Behaviors]) -> Any:
    """What chance favours; None where it takes all items alike."""
    from apps.recommender.exploration.thompson import open_thompson

    return None if by is ExploreBy.uniform else open_thompson(store, behaviors)


def open_explorer(share: float | None, seed: int, workers: int, thompson: Any) -> Any:
    """What gives places to chance, if anything does; each process draws for itself."""
    from apps.recommender.exploration.explorer import Explorer

    if share is None:
        return None
    chances = thompson.chances if thompson else None
    return Explorer(share, seed if workers == 1 else (seed, os.getpid()), chances)


def _table(result: OffPolicy) -> Table:
    from rich.table import Table

    table = Table("reward a place", title="Off-policy evaluation", title_justify="left")
    for name in ("value", "95 % interval"):
        table.add_column(name, justify="right")
    for name, one in result.estimates.items():
        table.add_row(NAMES[name], f"{one.value:.4f}", f"{one.low:.4f} to {one.high:.4f}")
    return table
