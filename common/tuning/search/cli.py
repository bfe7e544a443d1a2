"""What the verb `tune` of every application shares: its options, and what it ends with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from common.cli import print_json
from common.console import results, show_table
from common.errors import UserError

if TYPE_CHECKING:
    from common.tuning.search.prepared import Prepare
    from common.tuning.search.space import Space
    from common.tuning.settings import Settings
    from common.tuning.settings_cli import SettingOptions

Search = Annotated[
    list[str] | None,
    typer.Option(
        "--search",
        help="A range or a choice: learning_rate=1e-5..3e-4,log or strategy=full,lora. "
        "May be repeated. Default: rates and what regularises.",
    ),
]
Minutes = Annotated[
    float,
    typer.Option(
        "--minutes",
        min=0,
        max=525_600,
        help="For all trials together; a running one is stopped at the end.",
    ),
]
Trials = Annotated[
    int | None, typer.Option("--trials", min=1, help="At most so many, the defaults among them.")
]
Seeds = Annotated[
    int, typer.Option("--seeds", min=1, help="Runs of each trial; their mean is compared.")
]
Pruning = Annotated[
    Literal["median", "hyperband", "none"],
    typer.Option("--pruning", help="How a trial is stopped that lags behind."),
]
Name = Annotated[
    str | None,
    typer.Option(
        "--name",
        help="Where the search is kept. Default: a name made of what is searched. "
        "The same search goes on where it stopped.",
    ),
]


def read_search_space(given: Sequence[str] | None, own: Sequence[str], base: Settings) -> Space:
    """The space that was given, or an application's own.

    Raises:
        UserError: Optuna is not installed, a range or choice cannot be searched, or this is one of
            several processes.
    """
    import os

    from common.tuning.search.space import own_space, read_space

    if find_spec("optuna") is None:
        raise UserError("Optuna is not installed", hint="pip install 'bizlm[search]'")
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise UserError(
            "a search runs in one process, and this is one of several",
            hint="Start it with python -m, not with torchrun.",
        )
    return read_space(given, base) if given else own_space(own, base)


@dataclass(frozen=True)
class SearchOptions:
    """What is searched, and for how long."""

    search: Search = None
    minutes: Minutes = 60
    trials: Trials = None
    seeds: Seeds = 1
    pruning: Pruning = "median"
    name: Name = None

    @property
    def searched(self) -> list[str]:
        """The settings that `--search` names."""
        return [pair.partition("=")[0] for pair in self.search or ()]

    def base(
        self,
        given: SettingOptions,
        defaults: Mapping[str, Any] | None = None,
        *,
        refused: Mapping[str, str] | None = None,
        **flags: Any,
    ) -> Settings:
        """What all trials share; arguments, and what is raised, as of `read_settings`.

        Raises:
            UserError: one of `refused`, or of what no trial has a use for, is searched.
        """
        from common.tuning.configuration import OF_ONE_RUN

        unused = {**OF_ONE_RUN, **(refused or {})}
        for name in self.searched:
            if name in unused:
                raise UserError(f"--search {name}: {unused[name]}", hint="Leave it out.")
        return given.read(defaults, searched=self.searched, refused=unused, **flags)


def search_and_show(
    space: Space,
    base: Settings,
    prepare: Callable[[], Prepare],
    root: Path,
    *,
    data: Mapping[str, str],
    also: Sequence[str],
    options: SearchOptions,
    as_json: bool,
    defaults: Mapping[str, Any] | None = None,
) -> None:
    """Search, write what was found, and show it.

    Args:
        prepare: called once; what it returns, for each trial.
        data: the hashes of the records' files, by name.
        also: what else makes it another search: the backbone, options of the verb.
        defaults: the application's own.
    """
    from common.tuning.search.plan import Plan
    from common.tuning.search.report import best_table, write_best, write_search_report
    from common.tuning.search.study import search

    plan = Plan(
        space,
        base,
        [*sorted(data.values()), *also],
        minutes=options.minutes,
        trials=options.trials,
        seeds=options.seeds,
        pruning=options.pruning,
        usual=defaults or {},
    )
    found = search(plan, prepare(), root, options.name)
    config, report = write_best(found), write_search_report(found)
    if as_json:
        print_json(
            {
                "name": found.directory.name,
                "monitor": found.monitor,
                "best": {setting: getattr(found.best, setting) for setting in space},
                "figure": found.figure,
                "default_figure": found.default_figure,
                "config": str(config),
                "report": str(report),
            }
        )
        return
    show_table(best_table(found))
    results().print(f"Train with them: train --config {config} …", markup=False, soft_wrap=True)
    results().print(f"Report: {report}", markup=False, soft_wrap=True)
