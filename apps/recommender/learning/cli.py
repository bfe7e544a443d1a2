"""`learn` and `feedback`: from what users did to a better release, or to none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from apps.recommender.options_cli import (
    APPLICATION,
    Behavior,
    FileOptions,
    MappingOption,
    kept_behaviors,
    open_registry,
)
from common.cli import (
    Device,
    Json,
    Store,
    existing,
    new_app,
    parse_mapping,
    print_json,
)
from common.console import say, show_table
from common.durations import parse_period
from common.errors import UserError
from common.groups_cli import grouped
from common.learning.learn_cli import (
    KEPT_RELEASES,
    After,
    By,
    Every,
    KeepReleases,
    PromoteCandidate,
    prune_learned,
    run_learning,
)
from common.learning.options_cli import DatabaseUrl

if TYPE_CHECKING:
    from apps.recommender.learning.reported import Event
    from apps.recommender.learning.store import EventStore
    from common.learning.candidates.releasing import Learned

# How long what was reported is kept, where nothing else is said.
KEEP_EVENTS = "730d"

verbs = new_app("Learn.")
feedback = new_app("What was shown and done: list, show, exchange, purge.")
verbs.add_typer(feedback, name="feedback")


@contextmanager
def open_events(store: Path, database: str | None) -> Iterator[EventStore]:
    """The reported events, for the length of a `with` block."""
    from apps.recommender.learning.store import EventStore
    from common.storage.database import DATABASE, Database

    opened = Database(database or store / DATABASE)
    try:
        yield EventStore(opened, APPLICATION)
    finally:
        opened.close()


@verbs.command()
@grouped
def learn(
    *,
    files: FileOptions,
    behavior: Behavior = None,
    promote: PromoteCandidate = False,
    per_user: Annotated[
        float, typer.Option(min=0.001, max=1, help="Most of what was done by one user, a share.")
    ] = 0.05,
    towers: Annotated[
        Literal["by-rule", "keep", "learn"],
        typer.Option(help="Whether the towers learn on; by rule: once a week."),
    ] = "by-rule",
    by: By = None,
    every: Every = None,
    after: After = None,
    keep_releases: KeepReleases = KEPT_RELEASES,
    device: Device = "auto",
    store: Store = Path("var"),
    database: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Learn from what users did since; a candidate that is worse does not serve."""
    from apps.recommender.learning.groups import GROUPING

    groups = GROUPING.choose(by)
    registry = open_registry(store)
    sources = files.sources(store, behavior=behavior, release=registry.open())
    with open_events(store, database) as events:

        def once() -> Learned:
            from apps.recommender.learning.learn import learn
            from common.storage.leases import lease

            with lease(events.database, f"learn {APPLICATION}"):
                return learn(
                    registry,
                    events,
                    sources,
                    promote=promote,
                    per_user=per_user,
                    towers=towers,
                    by=groups,
                    device=device,
                )

        def said() -> int:
            return sum(events.counts().values())

        run_learning(
            once,
            said,
            lambda: prune_learned(registry, keep_releases),
            every=every,
            after=after,
            as_json=as_json,
        )


@feedback.command("list")
def list_events(
    user: Annotated[str | None, typer.Option(help="Of this user alone.")] = None,
    limit: Annotated[int, typer.Option(min=1)] = 50,
    store: Store = Path("var"),
    database: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """The latest events, oldest first."""
    with open_events(store, database) as events:
        rows, counts = events.latest(user_id=user, limit=limit), events.counts()
    if as_json:
        print_json({"counts": counts, "events": [row.model_dump() for row in rows]})
        return
    show_table(_table(rows))
    say(", ".join(f"{name}: {count:,}" for name, count in counts.items()) or "None yet.")


@feedback.command()
def show(
    identity: Annotated[str, typer.Argument(help="Its id, or the beginning of it.")],
    store: Store = Path("var"),
    database: DatabaseUrl = None,
) -> None:
    """All of one, as JSON."""
    with open_events(store, database) as events:
        print_json(events.one(identity).model_dump())


@feedback.command("export")
def export_events(
    path: Annotated[Path, typer.Argument(help="A file to write: .csv, .parquet or .jsonl.")],
    log: Annotated[
        bool, typer.Option("--log", help="What was shown with its propensity, for `off-policy`.")
    ] = False,
    store: Store = Path("var"),
    database: DatabaseUrl = None,
) -> None:
    """Write them as an interactions file, as `train` and `score` read it."""
    from apps.recommender.interactions.behaviors import parse_behaviors
    from apps.recommender.learning.taking import log_of, take, write_interactions

    registry = open_registry(store)
    release = registry.open() if registry.current_id() else None
    behaviors = parse_behaviors(None, kept_behaviors(release))
    with open_events(store, database) as events:
        rows = take(events, per_user=1.0, behaviors=behaviors).interactions
    if log and (rows := log_of(rows)).is_empty():
        raise UserError(
            "nothing was reported as shown with a propensity",
            hint="Report what serve --explore answers: shown[].items[].propensity of /v1/events",
        )
    write_interactions(path, rows)
    say(f"{path}: {len(rows):,} rows")


@feedback.command("import")
def import_events(
    path: Annotated[Path, typer.Argument(help="An interactions file.", callback=existing)],
    mapping: MappingOption = None,
    behavior: Behavior = None,
    store: Store = Path("var"),
    database: DatabaseUrl = None,
) -> None:
    """Take an interactions file as if it had been reported; the same rows count once."""
    from apps.recommender.interactions.behaviors import parse_behaviors
    from apps.recommender.learning.taking import read_events
    from apps.recommender.schema import Interaction

    columns = parse_mapping(mapping, set(Interaction.model_fields))
    rows = read_events(path, columns, parse_behaviors(behavior))
    with open_events(store, database) as events:
        before = sum(events.counts().values())
        events.add(rows)
        added = sum(events.counts().values()) - before
    say(f"{added:,} events added, {len(rows) - added:,} were there already.")
    oldest = datetime.now(UTC) - parse_period(KEEP_EVENTS)
    if old := sum(row.at < oldest.timestamp() for row in rows):
        say(f"{old:,} are older than {KEEP_EVENTS}: `serve` deletes what is older than its --keep.")


@feedback.command()
def purge(
    subject: Annotated[
        str | None, typer.Option(help="All that this user was shown and did, by their id.")
    ] = None,
    older_than: Annotated[str | None, typer.Option(help="All that is older, e.g. 365d.")] = None,
    store: Store = Path("var"),
    database: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Delete for good. Releases hold no events; your own files are yours to clear."""
    if (subject is None) == (older_than is None):
        raise UserError("purge what?", hint="Give one of --subject ID and --older-than 365d")
    from apps.recommender.learning.store import SPOOL
    from apps.recommender.learning.taking import clear_readings
    from common.learning.spool import Spool

    with open_events(store, database) as events:
        if subject is not None:
            spool = Spool(store / APPLICATION / SPOOL, events.kinds)
            gone = spool.drop(lambda row: getattr(row, "user_id", None) == subject)
            gone += events.purge(subject)
        else:
            period = parse_period(str(older_than))
            gone = events.forget_before((datetime.now(UTC) - period).timestamp())
            events.database.erase()
    clear_readings(store / APPLICATION)
    if as_json:
        print_json({"events": gone})
    else:
        say(f"Events deleted: {gone:,}.")


def _table(rows: Sequence[Event]) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table("id")
    table.columns[0].no_wrap = True
    for name in ("when", "user", "what", "item", "impression", "place"):
        table.add_column(name)
    for row in rows:
        at = datetime.fromtimestamp(row.at, UTC).strftime("%Y-%m-%d %H:%M")
        place = "" if row.position is None else str(row.position)
        shown = row.impression_id or ""
        cells = (row.id[:8], at, row.user_id, row.behavior, row.item_id, shown, place)
        table.add_row(*map(escape, cells))
    return table
