"""A search over settings by Optuna: TPE proposes, a pruner stops, and a database remembers."""

from __future__ import annotations

import re
from pathlib import Path
from statistics import fmean, median
from time import monotonic
from typing import Any

import optuna
import torch
from optuna import Study, Trial
from optuna.exceptions import TrialPruned
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState

from common.console import say
from common.errors import RefusedError, UserError
from common.files import exclusive_lock
from common.tuning.search.attempt import attempt
from common.tuning.search.plan import (
    DEFAULTS,
    FIGURES,
    SECONDS,
    SETTINGS,
    WHY,
    Found,
    Plan,
    figure_of,
)
from common.tuning.search.prepared import Prepare
from common.tuning.search.pruning import OutOfTimeError, WatchTrial
from common.tuning.search.space import Range, holds, settings_of
from common.tuning.settings import Settings

# Drawn at random before TPE proposes; few, for a trial takes minutes.
RANDOM_TRIALS = 5
# Proposals in a row that were tried already, or whose values do not go together.
MOST_IN_VAIN = 20
COUNTED = (TrialState.COMPLETE, TrialState.PRUNED)
NAME = re.compile(r"[\w-][\w.-]{0,63}")


def search(plan: Plan, prepare: Prepare, root: Path, name: str | None = None) -> Found:
    """Search until the time is up or enough was tried; the same search goes on where it stopped.

    Nothing is chosen by the test records: no trial is given them.

    Args:
        prepare: what is fine-tuned with some settings.
        root: the application's directory; the database is `tuning/NAME.db` below it.
        name: None: by what is searched.

    Raises:
        UserError: the search of this name is another one, the name is none, or the defaults cannot
            be trained.
        RefusedError: the time was up before the defaults had been tried.
    """
    if name and not NAME.fullmatch(name):
        raise UserError(
            f"a search cannot be called {name!r}", hint="Take letters, digits, ., _ and -."
        )
    directory = root / "tuning" / (name or plan.fingerprint)
    directory.mkdir(parents=True, exist_ok=True)
    with exclusive_lock(directory / "lock"):
        running = _Search(plan, prepare, directory)
        running.run()
        return running.found()


class _Search:
    """A study and what is done with it in this process."""

    def __init__(self, plan: Plan, prepare: Prepare, directory: Path) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.plan = plan
        self.prepare = prepare
        self.directory = directory
        self.study = self._open()
        self.started = monotonic()
        self.spent_before: float = sum(self._kept(SECONDS))
        self.in_vain = 0

    def run(self) -> None:
        """Try settings until the plan is fulfilled."""
        self._try_killed_again()
        while not self._is_done():
            is_default = self._default() is None
            trial = self._ask(is_default)
            try:
                settings = self._settings(trial, is_default)
            except UserError as error:
                self.in_vain += 1
                self._end(trial, TrialState.FAIL, error.what)
                continue
            self.in_vain = 0
            try:
                self._try(trial, settings, is_default)
            except OutOfTimeError:
                self._end(trial, TrialState.PRUNED, "the time was up")
                break

    def found(self) -> Found:
        """What all trials so far have found.

        Raises:
            RefusedError: none was finished.
        """
        default = self._default()
        if default is None:
            raise RefusedError(
                f"{self.plan.minutes:g} minutes were not enough to try the defaults",
                hint="Give more --minutes, or less to do: --set epochs=2.",
            )
        best = self.study.best_trial
        return Found(
            study=self.study,
            directory=self.directory,
            plan=self.plan,
            monitor=self.study.user_attrs["monitor"],
            best=Settings(**best.user_attrs[SETTINGS]),
            figure=figure_of(best),
            default_figure=figure_of(default),
        )

    def _open(self) -> Study:
        """The study of this plan, opened or begun."""
        path = self.directory.with_name(f"{self.directory.name}.db")
        # A question mark would begin the options of the URL.
        file = str(path.absolute()).replace("%", "%25").replace("?", "%3F")
        known = {"storage": f"sqlite:///{file}", "study_name": self.directory.name}
        pruner = _pruner(self.plan)
        try:
            study = optuna.load_study(**known, pruner=pruner)
        except KeyError:
            first = self.prepare(self.plan.base).task.monitors[0]
            direction = "maximize" if first.higher_is_better else "minimize"
            study = optuna.create_study(**known, pruner=pruner, direction=direction)
        fingerprint = study.user_attrs.get("fingerprint", self.plan.fingerprint)
        if fingerprint != self.plan.fingerprint:
            raise UserError(
                f"the search {self.directory.name} is over other records, settings or ranges",
                where=str(path),
                hint="Give another --name, or none.",
            )
        study.set_user_attr("fingerprint", fingerprint)
        return study

    def _try_killed_again(self) -> None:
        """What was running when the last process died is marked as failed, and stands in line."""
        for trial in self.study.get_trials(states=(TrialState.RUNNING,)):
            if DEFAULTS not in trial.user_attrs:
                self.study.enqueue_trial(trial.params)
            self.study.tell(trial.number, state=TrialState.FAIL)

    def _is_done(self) -> bool:
        """Whether no further trial is to be begun."""
        left = self.plan.minutes * 60 - self._spent()
        durations = [*self._kept(SECONDS, TrialState.COMPLETE)]
        if durations and 0 < left < median(durations):
            say(f"A further trial takes {median(durations):.0f} s; {left:.0f} s are left.")
            return True
        if left <= 0:
            return True
        if self.in_vain >= MOST_IN_VAIN:
            say(f"The last {MOST_IN_VAIN} proposals could not be tried, or had been already.")
            return True
        return self.plan.trials is not None and self._counted() >= self.plan.trials

    def _ask(self, is_default: bool) -> Trial:
        if is_default and holds(self.plan.space, self.plan.base):
            values = {name: getattr(self.plan.base, name) for name in self.plan.space}
            self.study.enqueue_trial(values)
        # A sampler begun anew for each trial: a search that was killed proposes what it would have.
        drawn = sum(WHY in t.user_attrs or t.state in COUNTED for t in self.study.get_trials())
        seed = (self.plan.base.seed * 100_000 + drawn) % 2**32
        self.study.sampler = TPESampler(n_startup_trials=RANDOM_TRIALS, seed=seed)
        trial = self.study.ask()
        if is_default:
            trial.set_user_attr(DEFAULTS, True)
        return trial

    def _settings(self, trial: Trial, is_default: bool) -> Settings:
        """The settings of a trial.

        Raises:
            UserError: they do not go together, or were tried already.
        """
        if is_default:
            if holds(self.plan.space, self.plan.base):
                settings_of(trial, self.plan.space, self.plan.base, self.plan.usual)
            settings = self.plan.base
        else:
            settings = settings_of(trial, self.plan.space, self.plan.base, self.plan.usual)
            if settings.model_dump() in self._kept(SETTINGS, *COUNTED):
                raise UserError("tried already")
        trial.set_user_attr(SETTINGS, settings.model_dump())
        return settings

    def _try(self, trial: Trial, settings: Settings, is_default: bool) -> None:
        """Fine-tune with each seed, and tell the study.

        Raises:
            OutOfTimeError: the time was up first.
            UserError: the defaults cannot be trained.
        """
        self._announce(settings, is_default)
        began = monotonic()
        deadline = began + self.plan.minutes * 60 - self._spent()

        def count() -> None:
            trial.set_user_attr(SECONDS, monotonic() - began)

        figures = []
        try:
            for repeat in range(self.plan.seeds):
                # A later seed's figures are no measure for the first's of other trials.
                may_prune = not is_default and repeat == 0
                watch = WatchTrial(trial, deadline, may_prune=may_prune, on_evaluated=count)
                seeded = settings.model_copy(update={"seed": settings.seed + repeat})
                work = self.directory / "runs" / f"{trial.number}-{repeat}"
                measured = attempt(self.prepare, seeded, work, watch)
                self.study.set_user_attr("monitor", measured.monitor.name)
                figures.append(measured.figure)
        except TrialPruned as reason:
            count()
            self._end(trial, TrialState.PRUNED, str(reason))
        except OutOfTimeError:
            count()
            raise
        except (UserError, torch.OutOfMemoryError) as error:
            count()
            what = error.what if isinstance(error, UserError) else "the memory is not enough"
            self._end(trial, TrialState.FAIL if is_default else TrialState.PRUNED, what)
            if is_default:
                hint = "The defaults must train before others are searched: see --set."
                raise UserError(f"the defaults: {what}", hint=hint) from None
        else:
            count()
            trial.set_user_attr(FIGURES, figures)
            self.study.tell(trial, fmean(figures))
            say(f"  {measured.monitor.name} {fmean(figures):.4f}; best {self._best():.4f}")

    def _announce(self, settings: Settings, is_default: bool) -> None:
        of_all = f" of {self.plan.trials}" if self.plan.trials else ""
        values = ", ".join(f"{name}={getattr(settings, name)}" for name in self.plan.space)
        say(
            f"Trial {self._counted() + 1}{of_all}, minute {self._spent() / 60:.0f} of "
            f"{self.plan.minutes:g}: {'the defaults' if is_default else values}"
        )

    def _end(self, trial: Trial, state: TrialState, why: str) -> None:
        """End a trial that has no figure."""
        trial.set_user_attr(WHY, why)
        self.study.tell(trial, state=state)
        if state != TrialState.FAIL:
            say(f"  stopped: {why}")

    def _default(self) -> FrozenTrial | None:
        """The finished trial of the defaults."""
        finished = self.study.get_trials(states=(TrialState.COMPLETE,))
        return next((trial for trial in finished if DEFAULTS in trial.user_attrs), None)

    def _best(self) -> float:
        return figure_of(self.study.best_trial)

    def _counted(self) -> int:
        return sum(trial.state in COUNTED for trial in self.study.get_trials())

    def _kept(self, name: str, *states: TrialState) -> list[Any]:
        """What all trials, or those of these states, keep under `name`."""
        trials = self.study.get_trials(states=states or None)
        return [trial.user_attrs[name] for trial in trials if name in trial.user_attrs]

    def _spent(self) -> float:
        """Seconds of all trials of all runs; the time between two runs is no time of the search."""
        return self.spent_before + monotonic() - self.started


def _pruner(plan: Plan) -> BasePruner:
    if plan.pruning == "none":
        return NopPruner()
    if plan.pruning == "median":
        # The first epoch says little: a high rate begins badly.
        return MedianPruner(n_startup_trials=3, n_warmup_steps=2)
    epochs = plan.space.get("epochs")
    most = epochs.high if isinstance(epochs, Range) else plan.base.epochs
    return HyperbandPruner(min_resource=1, max_resource=int(most), reduction_factor=3)
