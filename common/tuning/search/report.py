"""What a search found: a table, a file of settings, and a report with pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from rich.markup import escape
from rich.table import Table

from common.evaluation.report import CLEAR_GAIN, UNCLEAR, Section, svg, write_report
from common.files import write_atomically
from common.tuning.describing.needs import unmet
from common.tuning.search.plan import (
    DEFAULTS,
    FIGURES,
    SECONDS,
    SETTINGS,
    WHY,
    Found,
    figure_of,
)
from common.tuning.search.space import Range, Value
from common.tuning.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

# Settings of the machine rather than of what is learned.
OF_THE_MACHINE = {"device", "tracking"}
# Of fewer trials, what matters cannot be told.
FEWEST_FOR_IMPORTANCE = 8
OPTIMISM = (
    "The best of several figures on the validation records is a little too good: what chose it "
    "flatters it. Train with these settings, and the test records say what they are worth."
)


def best_table(found: Found) -> Table:
    """The best settings, with their figure, beside the defaults."""
    table = Table(title=f"Finished trials: {len(_finished(found))}")
    for column in ("setting", "defaults", "best"):
        table.add_column(column)
    for row in _best_rows(found):
        table.add_row(*map(escape, row))
    return table


def write_best(found: Found) -> Path:
    """Write `best.toml`, which `train --config` takes, and return its path.

    What has no effect beside the best is left out: `train` refuses it.
    """
    idle = {name for name in type(found.best).model_fields if unmet(found.best, name)}
    values = found.best.model_dump(exclude=OF_THE_MACHINE | idle)
    varied = [*found.plan.space, *(["learning_rate"] if found.plan.has_own_rates else [])]
    searched = {name: values.pop(name) for name in varied if name in values}
    measured = f"{found.monitor} {found.figure:.4f}; the defaults: {found.default_figure:.4f}"
    lines = [
        f"# Measured on the validation records: {measured}.",
        *_assignments(searched),
        "",
        "# As they were in all trials.",
        *_assignments(values),
    ]
    path = found.directory / "best.toml"
    write_atomically(path, "\n".join(lines) + "\n")
    return path


def write_search_report(found: Found) -> Path:
    """Write `report.html` and return its path."""
    path = found.directory / "report.html"
    importances = importances_of(found)
    few = (
        f"After {FEWEST_FOR_IMPORTANCE} finished trials, this shows how much each setting matters."
    )
    write_report(
        path,
        f"Search: {found.directory.name}",
        [
            Section(
                "The best settings",
                OPTIMISM,
                [("setting", "defaults", "best"), *_best_rows(found)],
            ),
            Section("What was tried, in order", picture=history_picture(found)),
            Section(
                "What matters",
                "Share of the figure's variance over the finished trials that each setting "
                "explains by itself or with others (fANOVA)."
                if importances
                else few,
                picture=importances_picture(importances),
            ),
            Section(
                "All finished trials",
                "A line each; the darker, the better.",
                picture=parallel_picture(found),
            ),
            Section("All trials", table=_trial_rows(found)),
        ],
    )
    return path


def importances_of(found: Found) -> dict[str, float]:
    """Shares that add up to 1 (fANOVA, Hutter et al. 2014); none of too few trials."""
    finished = [trial for trial in _finished(found) if {*found.plan.space} <= {*trial.params}]
    varied = [n for n in found.plan.space if len({t.params[n] for t in finished}) > 1]
    figures = {trial.value for trial in finished}
    if len(finished) < FEWEST_FOR_IMPORTANCE or not varied or len(figures) < 2:
        return {}
    evaluator = FanovaImportanceEvaluator(seed=found.plan.base.seed)
    shares: dict[str, float] = get_param_importances(
        found.study, evaluator=evaluator, params=varied
    )
    return shares


def history_picture(found: Found) -> str:
    """The figure of each trial, and the best up to it."""
    finished = _finished(found)
    numbers = [trial.number for trial in finished]
    figures = [figure_of(trial) for trial in finished]
    choose = max if found.study.direction == StudyDirection.MAXIMIZE else min
    best = [choose(figures[: n + 1]) for n in range(len(figures))]
    stopped = [
        (trial.number, trial.intermediate_values[max(trial.intermediate_values)])
        for trial in found.study.get_trials(states=(TrialState.PRUNED,))
        if trial.intermediate_values
    ]

    def draw(axes: Axes) -> None:
        from matplotlib.ticker import MaxNLocator

        axes.plot(numbers, figures, "o", color=CLEAR_GAIN, label="finished")
        axes.step(numbers, best, where="post", color=CLEAR_GAIN, linewidth=1, label="best so far")
        if stopped:
            axes.plot(*zip(*stopped, strict=True), "x", color=UNCLEAR, label="stopped early")
        axes.axhline(found.default_figure, color=UNCLEAR, linestyle="--", label="the defaults")
        axes.set_xlabel("trial")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylabel(found.monitor.replace("_", " "))
        axes.legend(frameon=False)

    return svg(draw)


def importances_picture(importances: Mapping[str, float]) -> str:
    """One bar a setting."""
    names, shares = list(importances), list(importances.values())

    def draw(axes: Axes) -> None:
        axes.barh(names, shares, color=CLEAR_GAIN)
        axes.invert_yaxis()
        axes.set_xlabel("share of the variance")

    return svg(draw) if importances else ""


def parallel_picture(found: Found) -> str:
    """A line through the settings of each finished trial to its figure."""
    trials = sorted(_finished(found), key=figure_of)
    if found.study.direction == StudyDirection.MINIMIZE:
        trials.reverse()
    values = [trial.user_attrs[SETTINGS] for trial in trials]
    columns = [_heights(found, name, [v[name] for v in values]) for name in found.plan.space]
    figures = [figure_of(trial) for trial in trials]
    low, high = min(figures), max(figures)
    columns.append([(figure - low) / ((high - low) or 1) for figure in figures])

    def draw(axes: Axes) -> None:
        from matplotlib import colormaps

        for n, line in enumerate(zip(*columns, strict=True)):
            rank = n / max(len(trials) - 1, 1)
            axes.plot(line, color=colormaps["Greens"](0.25 + 0.75 * rank), linewidth=1 + rank)
        axes.set_xticks(
            range(len(columns)),
            [
                *(_ends(found, name) for name in found.plan.space),
                f"{found.monitor}\n{low:.4g} … {high:.4g}",
            ],
            fontsize=8,
        )
        axes.set_yticks([])
        axes.set_ylim(-0.05, 1.05)

    return svg(draw)


def _heights(found: Found, name: str, values: Sequence[Value]) -> list[float]:
    """From 0 to 1, where each value stands on its axis; what lies outside, at the nearer end."""
    from math import log

    searched = found.plan.space[name]
    if not isinstance(searched, Range):
        places = {value: n for n, value in enumerate(searched.values)}
        return [places.get(value, 0) / (len(places) - 1) for value in values]
    low, high = searched.low, searched.high
    inside = [min(max(float(value or low), low), high) for value in values]
    if searched.log:
        return [log(value / low) / log(high / low) for value in inside]
    return [(value - low) / (high - low) for value in inside]


def _ends(found: Found, name: str) -> str:
    searched = found.plan.space[name]
    ends = searched.extremes
    return f"{name}\n{_shown(ends[0])} … {_shown(ends[-1])}"


def _best_rows(found: Found) -> list[tuple[str, str, str]]:
    pairs = ((name, found.plan.base, found.best) for name in found.plan.space)
    return [
        *(
            (name, _shown(getattr(default, name)), _shown(getattr(best, name)))
            for name, default, best in pairs
        ),
        (found.monitor, f"{found.default_figure:.4f}", f"{found.figure:.4f}"),
    ]


def _trial_rows(found: Found) -> list[tuple[str, ...]]:
    """All that cost time, in order."""
    names = list(found.plan.space)
    rows: list[tuple[str, ...]] = [("trial", *names, found.monitor, "seconds", "")]
    for trial in found.study.trials:
        kept = trial.user_attrs
        if SECONDS not in kept:
            continue
        settings = Settings(**kept[SETTINGS])
        figures = kept.get(FIGURES, ())
        spread = f" ({min(figures):.4f}–{max(figures):.4f})" if len(figures) > 1 else ""
        rows.append(
            (
                str(trial.number),
                *(_shown(getattr(settings, name)) for name in names),
                f"{trial.value:.4f}{spread}" if trial.value is not None else "",
                f"{kept[SECONDS]:.0f}",
                "the defaults" if DEFAULTS in kept else _ending(trial),
            )
        )
    return rows


def _ending(trial: FrozenTrial) -> str:
    if trial.state == TrialState.FAIL:
        return str(trial.user_attrs.get(WHY, "interrupted, tried again"))
    return str(trial.user_attrs.get(WHY, ""))


def _finished(found: Found) -> list[FrozenTrial]:
    return [trial for trial in found.study.trials if trial.state == TrialState.COMPLETE]


def _assignments(values: Mapping[str, Any]) -> list[str]:
    """Lines of TOML; what has no value is called none, as with `--set`."""
    return [
        f"{name} = {json.dumps('none' if value is None else value, ensure_ascii=False)}"
        for name, value in values.items()
    ]


def _shown(value: Value) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
