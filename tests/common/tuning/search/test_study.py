from __future__ import annotations

from collections.abc import Callable
from math import inf, log10
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from rich.text import Text
from toy import WORDS, ToyTask

from common.errors import RefusedError, UserError
from common.finite import NonFiniteError
from common.models.encoder import load_encoder
from common.models.sources.bundled import Source
from common.records.splits import Splits
from common.tuning.configuration import read_settings
from common.tuning.finetune import finetune
from common.tuning.search import study as searching
from common.tuning.search.attempt import Measured, attempt
from common.tuning.search.plan import Found, Plan
from common.tuning.search.prepared import Prepare, Prepared
from common.tuning.search.pruning import OutOfTimeError, WatchTrial
from common.tuning.search.report import (
    best_table,
    importances_of,
    write_best,
    write_search_report,
)
from common.tuning.search.space import read_space
from common.tuning.search.study import search
from common.tuning.settings import Settings
from common.tuning.task import Metric

BASE = Settings(
    epochs=3,
    batch_size=8,
    learning_rate=2e-3,
    head_learning_rate=1e-3,
    precision="fp32",
    device="cpu",
    tracking=None,
)
RATES = "head_learning_rate=1e-4..1e-1,log"
RATE = {"learning_rate": 2e-4}


class NeverLookedAt(list[str]):
    """Test records that say so when they are touched."""

    def _refuse(self, *_: Any) -> Any:
        raise AssertionError("the test records were looked at")

    __iter__ = __len__ = __getitem__ = __bool__ = _refuse


@pytest.fixture
def prepare(tiny_model: Path) -> Prepare:
    def ready(settings: Settings) -> Prepared:
        encoder = load_encoder(Source("tiny", tiny_model), dropout=settings.dropout)
        return Prepared(ToyTask(), encoder, Splits(WORDS, WORDS[::2], NeverLookedAt()))

    return ready


def plan(*pairs: str, base: Settings = BASE, **more: Any) -> Plan:
    return Plan(read_space(pairs, base), base, ["records"], **more)


def a_valley(settings: Settings) -> float:
    """Lowest at a rate of 1e-2; little matters beside the rate."""
    rate = settings.head_learning_rate or 1.0
    return (log10(rate) + 2) ** 2 + settings.label_smoothing / 10


@pytest.fixture
def instead(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Settings], float]], None]:
    """Let a formula stand in for fine-tuning."""

    def replace(figure: Callable[[Settings], float]) -> None:
        def attempt(_: Prepare, settings: Settings, work: Path, watch: WatchTrial) -> Measured:
            return Measured(Metric("loss", higher_is_better=False), figure(settings))

        monkeypatch.setattr(searching, "attempt", attempt)

    return replace


def proposed(found: Found) -> list[dict[str, Any]]:
    states = (TrialState.COMPLETE, TrialState.PRUNED)
    return [trial.params for trial in found.study.get_trials(states=states)]


def test_a_search_fine_tunes_and_never_looks_at_the_test_records(
    prepare: Prepare, tmp_path: Path
) -> None:
    found = search(plan(RATES, trials=4), prepare, tmp_path)
    figures = [trial.value for trial in found.study.get_trials(states=(TrialState.COMPLETE,))]
    assert found.monitor == "loss"
    assert found.figure == min(figures) <= found.default_figure == figures[0]
    assert found.study.trials[0].params == {"head_learning_rate": BASE.head_learning_rate}
    assert not list(found.directory.rglob("checkpoint-*"))
    again = prepare(found.best)
    seen = Splits(WORDS, WORDS[::2], [])
    tuned = finetune(again.task, again.pretrained, seen, found.best, work=tmp_path / "again")
    assert tuned.after["loss"] == pytest.approx(found.figure, rel=1e-4)


def test_the_best_is_found_and_trained_with_by_its_file(
    prepare: Prepare, tmp_path: Path, instead: Any
) -> None:
    instead(a_valley)
    found = search(plan(RATES, "label_smoothing=0..0.2", trials=16), prepare, tmp_path)
    assert found.best.head_learning_rate == pytest.approx(1e-2, rel=0.5)
    assert found.default_figure == a_valley(BASE)
    written = read_settings(write_best(found))
    assert written.model_copy(update={"device": "cpu", "tracking": None}) == found.best
    importances = importances_of(found)
    assert sum(importances.values()) == pytest.approx(1)
    assert importances["head_learning_rate"] > 0.8
    report = write_search_report(found).read_text()
    assert report.count("<svg") == 3
    assert f"{found.figure:.4f}" in report


@pytest.mark.parametrize("folder", ["a?b", "a#b", "50%41"])
def test_a_search_is_kept_in_its_own_store_whatever_that_is_called(
    prepare: Prepare, tmp_path: Path, instead: Any, folder: str
) -> None:
    instead(a_valley)
    search(plan(RATES, trials=2), prepare, tmp_path / folder, "rates")
    assert (tmp_path / folder / "tuning" / "rates.db").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [folder]


def test_a_search_goes_with_any_seed(prepare: Prepare, tmp_path: Path, instead: Any) -> None:
    instead(a_valley)
    base = BASE.model_copy(update={"seed": 20261201})
    assert len(proposed(search(plan(RATES, base=base, trials=3), prepare, tmp_path))) == 3


@pytest.mark.parametrize("name", ["../elsewhere", "..", "a/b", "nul\0", "x" * 300])
def test_a_name_that_is_no_file_is_told(prepare: Prepare, tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="a search cannot be called"):
        search(plan(RATES, trials=1), prepare, tmp_path / "store", name)
    assert not list(tmp_path.rglob("*.db"))


def test_what_the_best_has_no_use_for_is_not_written(
    prepare: Prepare, tmp_path: Path, instead: Any
) -> None:
    instead(lambda settings: 0.0 if settings.strategy == "full" else 1.0)
    space = ("strategy=full,lora", "lora_rank=4,8")
    found = search(plan(*space, base=BASE.but(strategy="lora"), trials=6), prepare, tmp_path)
    assert found.best.strategy == "full"
    text = write_best(found).read_text(encoding="utf-8")
    assert "strategy = " in text
    assert "lora_rank" not in text
    assert read_settings(found.directory / "best.toml").strategy == "full"


def test_files_of_any_name_are_shown_and_written_as_they_are(
    prepare: Prepare, tmp_path: Path, instead: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead(a_valley)
    monkeypatch.chdir(tmp_path)
    names = ["[b]𠮷.toml", "[i].toml"]
    for name in names:
        (tmp_path / name).write_text('groups = [["card", "bank card"]]', encoding="utf-8")
    base = BASE.but(synonyms=0.2, glossary=names[0])
    found = search(plan(f"glossary={','.join(names)}", base=base, trials=2), prepare, tmp_path)
    assert read_settings(write_best(found)).glossary in names
    table = best_table(found)
    shown = "".join(Text.from_markup(str(cell)).plain for cell in table.columns[1].cells)
    assert names[0] in shown


def test_each_strategy_is_tried_and_written_at_its_own_rate(
    prepare: Prepare, tmp_path: Path, instead: Any
) -> None:
    tried: dict[str, float] = {}

    def figure(settings: Settings) -> float:
        tried[settings.strategy] = settings.learning_rate
        return 0.0 if settings.strategy == "full" else 1.0

    instead(figure)
    base = read_settings(None, ["strategy=lora", "tracking=none"], defaults=RATE)
    found = search(plan("strategy=full,lora", base=base, usual=RATE), prepare, tmp_path)
    assert tried == {"full": 2e-4, "lora": 1e-3}
    best, rest = write_best(found).read_text(encoding="utf-8").split("# As they were in all trials")
    assert "learning_rate = 0.0002\n" in best
    assert "\nlearning_rate" not in rest


def test_a_search_at_other_rates_is_another_one() -> None:
    base = read_settings(defaults=RATE)
    own = {plan("strategy=full,lora", base=base, usual=usual).fingerprint for usual in ({}, RATE)}
    assert len(own) == 2
    assert plan(RATES, base=base).fingerprint == plan(RATES, base=base, usual=RATE).fingerprint


def test_none_is_written_and_read(prepare: Prepare, tmp_path: Path, instead: Any) -> None:
    instead(lambda settings: 0.0 if settings.head_learning_rate is None else 1.0)
    found = search(plan("head_learning_rate=none,1e-3"), prepare, tmp_path)
    assert found.best.head_learning_rate is None
    assert read_settings(write_best(found)).head_learning_rate is None


def test_a_killed_search_goes_on_as_if_it_had_not_been(
    prepare: Prepare, tmp_path: Path, instead: Any
) -> None:
    instead(a_valley)
    whole = search(plan(RATES, trials=10), prepare, tmp_path / "whole")
    begun = 0

    def dies(settings: Settings) -> float:
        nonlocal begun
        begun += 1
        if begun in {1, 4, 9}:
            raise KeyboardInterrupt
        return a_valley(settings)

    instead(dies)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            search(plan(RATES, trials=10), prepare, tmp_path / "killed")
    resumed = search(plan(RATES, trials=10), prepare, tmp_path / "killed")
    assert proposed(resumed) == proposed(whole)
    failed = resumed.study.get_trials(states=(TrialState.FAIL,))
    assert len(failed) == 3
    assert not resumed.study.get_trials(states=(TrialState.RUNNING, TrialState.WAITING))


def test_the_same_search_again_has_nothing_left_to_do(
    prepare: Prepare, tmp_path: Path, instead: Any
) -> None:
    instead(a_valley)
    first = search(plan(RATES, trials=3), prepare, tmp_path)
    assert len(search(plan(RATES, trials=3), prepare, tmp_path).study.trials) == 3
    assert len(search(plan(RATES, trials=5), prepare, tmp_path).study.trials) == 5
    assert first.directory.with_suffix(".db").exists()


def test_a_name_stands_for_one_search(prepare: Prepare, tmp_path: Path, instead: Any) -> None:
    instead(a_valley)
    search(plan(RATES, trials=1), prepare, tmp_path, "mine")
    with pytest.raises(UserError, match="mine is over other records"):
        search(plan("epochs=1..4", trials=1), prepare, tmp_path, "mine")


def test_defaults_outside_of_the_space_are_measured_all_the_same(
    prepare: Prepare, tmp_path: Path, instead: Any
) -> None:
    instead(a_valley)
    found = search(plan("head_learning_rate=2e-2..1e-1", trials=10), prepare, tmp_path)
    assert found.default_figure == a_valley(BASE)
    assert found.study.trials[0].params == {}
    assert importances_of(found)
    write_search_report(found)


def test_all_choices_are_tried_once(prepare: Prepare, tmp_path: Path, instead: Any) -> None:
    tried: list[int] = []

    def figure(settings: Settings) -> float:
        tried.append(settings.batch_size)
        return float(settings.batch_size)

    instead(figure)
    found = search(plan("batch_size=8,16,32"), prepare, tmp_path)
    assert sorted(tried) == [8, 16, 32]
    assert found.best.batch_size == 8


def test_each_trial_is_the_mean_of_its_seeds(
    prepare: Prepare, tmp_path: Path, instead: Any
) -> None:
    instead(lambda settings: float(settings.seed))
    found = search(plan("batch_size=8,16", seeds=3), prepare, tmp_path)
    assert found.figure == 1.0
    assert found.best.seed == BASE.seed


def test_what_diverges_is_put_aside_and_the_search_goes_on(
    prepare: Prepare, tmp_path: Path
) -> None:
    rates = "head_learning_rate=1e-3,1e35"
    found = search(
        plan(rates, base=BASE.model_copy(update={"optimizer": "sgd"})), prepare, tmp_path
    )
    (put_aside,) = found.study.get_trials(states=(TrialState.PRUNED,))
    assert put_aside.params == {"head_learning_rate": 1e35}
    assert "not finite" in put_aside.user_attrs["why"]
    assert found.best.head_learning_rate == 1e-3


def test_defaults_that_diverge_are_told(prepare: Prepare, tmp_path: Path, instead: Any) -> None:
    def diverge(_: Settings) -> float:
        raise NonFiniteError("training: loss is not finite")

    instead(diverge)
    with pytest.raises(UserError, match="the defaults: training: loss is not finite"):
        search(plan(RATES), prepare, tmp_path)


def test_the_time_is_kept_and_what_was_unfinished_is_told(
    prepare: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 0.5
        return now

    monkeypatch.setattr("common.tuning.search.study.monotonic", clock)
    monkeypatch.setattr("common.tuning.search.pruning.monotonic", clock)
    with pytest.raises(RefusedError, match="were not enough to try the defaults"):
        search(plan(RATES, minutes=0.05), prepare, tmp_path)
    found = search(plan(RATES, minutes=0.8), prepare, tmp_path)
    assert now < 60
    finished = found.study.get_trials(states=(TrialState.COMPLETE,))
    assert len(finished) > 2
    assert not found.study.get_trials(states=(TrialState.RUNNING, TrialState.WAITING))
    # The time is used up: the same command does nothing more.
    assert len(search(plan(RATES, minutes=0.8), prepare, tmp_path).study.trials) == len(
        found.study.trials
    )


def test_a_trial_is_not_begun_that_would_be_too_long(
    prepare: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instead: Any
) -> None:
    now = 0.0

    def takes_a_minute(settings: Settings) -> float:
        nonlocal now
        now += 60
        return a_valley(settings)

    monkeypatch.setattr("common.tuning.search.study.monotonic", lambda: now)
    instead(takes_a_minute)
    found = search(plan(RATES, minutes=3.5), prepare, tmp_path)
    assert len(found.study.trials) == 3


def test_what_lags_behind_is_stopped(prepare: Prepare, tmp_path: Path) -> None:
    study = optuna.create_study(
        direction="minimize", pruner=searching._pruner(plan(RATES, pruning="median"))
    )
    for _ in range(3):
        good = study.ask()
        for epoch in range(1, 9):
            good.report(0.0, epoch)
        study.tell(good, 0.0)
    ready = prepare(BASE)
    epochs: list[None] = []
    watch = WatchTrial(
        study.ask(), float("inf"), may_prune=True, on_evaluated=lambda: epochs.append(None)
    )
    longer = BASE.model_copy(update={"epochs": 8, "evaluate_every": 2})
    with pytest.raises(optuna.TrialPruned, match="after epoch 2"):
        finetune(
            ready.task,
            ready.pretrained,
            Splits(WORDS, WORDS[::2], []),
            longer,
            work=tmp_path,
            watchers=[watch],
        )
    assert [*study.trials[-1].intermediate_values] == [1, 2]
    assert len(epochs) > 2


def test_a_running_trial_is_stopped_when_the_time_is_up(prepare: Prepare, tmp_path: Path) -> None:
    ready = prepare(BASE)
    watch = WatchTrial(optuna.create_study().ask(), 0.0, may_prune=False, on_evaluated=lambda: None)
    with pytest.raises(OutOfTimeError):
        finetune(
            ready.task,
            ready.pretrained,
            Splits(WORDS, WORDS[::2], []),
            BASE,
            work=tmp_path,
            watchers=[watch],
        )


def test_a_trial_is_judged_by_the_weights_that_it_ends_with(
    prepare: Prepare, tmp_path: Path
) -> None:
    trial = optuna.create_study().ask()
    watch = WatchTrial(trial, inf, may_prune=False, on_evaluated=lambda: None)
    learned, between = (
        attempt(prepare, BASE.model_copy(update={"pretrained_share": share}), tmp_path, watch)
        for share in (0.0, 0.9)
    )
    assert between.figure > learned.figure + 0.01
