"""Options that several verbs share, and what they name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from common.cli import BadRow, Mapping, OnBadRow, ServingPrecision, existing, parse_mapping
from common.console import say

if TYPE_CHECKING:
    from apps.finance_monitor.data import Sources
    from apps.finance_monitor.watch.running import Options

APPLICATION = "finance_monitor"
# Of its server, by which it is known to those that stand by.
TITLE = "bizlm finance monitor"
DEFAULTS = {"label_names": "auto"}

News = Annotated[
    list[Path] | None,
    typer.Option("--news", help="Labelled news to learn from.", callback=existing),
]
Validation = Annotated[
    list[Path] | None,
    typer.Option(
        "--validation",
        help="News for choosing the best epoch; default: split off.",
        callback=existing,
    ),
]
Test = Annotated[
    list[Path] | None,
    typer.Option("--test", help="Held-out news for the report.", callback=existing),
]
Pairs = Annotated[
    list[Path] | None,
    typer.Option(
        "--pairs",
        help="Pairs of texts that differ in little and have different sentiments, to learn what "
        "turns a sentiment round. May be repeated.",
        callback=existing,
    ),
]
DirectionWords = Annotated[
    list[Path] | None,
    typer.Option(
        "--direction-words",
        help="Words of your own that say which way a text points: lists by what they are, such as "
        'bad = ["churn"]. May be repeated.',
        callback=existing,
    ),
]
ReleaseId = Annotated[str | None, typer.Option("--release", help="Default: current.")]
Entities = Annotated[
    Path | None,
    typer.Option("--entities", help="Companies: name, aliases, ticker.", callback=existing),
]
Relations = Annotated[
    Path | None,
    typer.Option(
        "--relations",
        help="Who depends on whom: company, relation (supplier, customer, parent, peer, "
        "guarantor), other, strength; or a knowledge file (subject, relation, object).",
        callback=existing,
    ),
]
Watchlists = Annotated[
    Path | None,
    typer.Option(
        "--watchlists",
        help="watchlists.toml: who watches which companies, topics and words, and is notified.",
        callback=existing,
    ),
]

CalendarFile = Annotated[
    Path | None,
    typer.Option(
        "--calendar",
        help="Days unlike others, and weekly hours: date (or Mon-Fri), kind (holiday, earnings, "
        "hours), key, hours, timezone.",
        callback=existing,
    ),
]

Prices = Annotated[
    Path | None,
    typer.Option(
        "--prices",
        help="Drawn beside the trends: date, key, close, volume. Read again when it changes.",
        callback=existing,
    ),
]

FalseAlarms = Annotated[
    str, typer.Option(help='Tolerated over all topics and companies together: "1 per 30d".')
]
WindowWidth = Annotated[
    str,
    typer.Option("--window", help='Width of a window, like 1h; several share the budget: "1h,1d".'),
]
Lateness = Annotated[
    str, typer.Option("--allowed-lateness", help="How long to wait for late news.")
]
Delay = Annotated[
    str, typer.Option("--for", help="How long a surge must last before you are notified.")
]
Escalate = Annotated[
    str | None,
    typer.Option(
        "--escalate-after", help="Notify again if nobody acknowledges within, e.g., 30min."
    ),
]
Standby = Annotated[
    bool,
    typer.Option(
        "--standby",
        help="While another process watches in this store or database, wait, and go on where it "
        "was when it ends or dies.",
    ),
]
MonitorDatabase = Annotated[
    str | None,
    typer.Option(
        "--database",
        envvar="BIZLM_DATABASE",
        help="PostgreSQL that keeps what the monitor knows, and that machines may share: "
        "postgresql://USER@HOST/NAME. Default: a file in the store.",
    ),
]
Notify = Annotated[
    list[str] | None,
    typer.Option("--notify", help="jsonl:PATH, https://…, or an apprise address. May be repeated."),
]


@dataclass(frozen=True)
class SurgeOptions:
    """What is watched, and what counts as a surge."""

    entities: Entities = None
    relations: Relations = None
    watchlists: Watchlists = None
    calendar: CalendarFile = None
    false_alarms: FalseAlarms = "1 per 30d"
    window: WindowWidth = "1h"
    allowed_lateness: Lateness = "5min"
    delay: Delay = "0"

    def options(self, **more: Any) -> Options:
        """As a watch takes them, with what else it is given."""
        from apps.finance_monitor.watch.running import Options

        return Options(**vars(self), **more)


@dataclass(frozen=True)
class WatchOptions(SurgeOptions):
    """The same, and who is told of it."""

    escalate_after: Escalate = None
    notify: Notify = None


@dataclass(frozen=True)
class FileOptions:
    """The files of labelled news, and how their rows are read."""

    news: News = None
    validation: Validation = None
    test: Test = None
    mapping: Mapping = None
    on_bad_row: OnBadRow = BadRow.fail

    def sources(
        self,
        store: Path,
        *,
        entities: Path | None = None,
        unlabelled: list[Path] | None = None,
        pairs: list[Path] | None = None,
        by: str | None = None,
    ) -> Sources:
        """These files, as `read_dataset` takes them.

        Args:
            by: a column to group by, where a file has it.

        Raises:
            UserError: `--map` names no field, or the companies cannot be read.
        """
        from apps.finance_monitor.data import Sources
        from apps.finance_monitor.schema import TrainingRecord
        from apps.finance_monitor.stories.companies import read_entities

        return Sources(
            news=self.news or (),
            validation=self.validation or (),
            test=self.test or (),
            unlabelled=unlabelled or (),
            pairs=pairs or (),
            mapping=parse_mapping(self.mapping, TrainingRecord.model_fields),
            optional={} if by is None else {"segment": by},
            on_bad_row=self.on_bad_row.value,
            rejected_directory=store / APPLICATION / "rejected",
            companies=read_entities(entities) if entities else None,
        )


def find_place(store: Path, database: str | None) -> Any:
    """Where a monitor has kept its state.

    Raises:
        UserError: none has run there yet, or the database does not answer.
    """
    from apps.finance_monitor.state.opening import find, place_of

    return find(place_of(store / APPLICATION, database))


def open_registry(store: Path) -> Any:
    """The releases of this application."""
    from common.releases.registry import Registry

    return Registry(store, APPLICATION)


def load_classifier(
    store: Path,
    release_id: str | None,
    device: str,
    scored: bool,
    rules: Any = None,
    *,
    precision: ServingPrecision = "auto",
) -> tuple[Any, Any]:
    """The classifier of a release, or None where the feed is scored already, and its topics.

    Args:
        rules: live, what the business decides itself.
    """
    registry = open_registry(store)
    if scored:
        # Topics are learned from the feed where no release names them.
        known = release_id or registry.current_id()
        return None, registry.open(known).manifest["topics"] if known else []
    release = registry.open(release_id)
    say("Loading the release …")
    from apps.finance_monitor.stories.eight_bit import load_to_serve

    found = load_to_serve(registry, release, device=device, precision=precision)
    return replace(found, rules=rules), release.manifest["topics"]
