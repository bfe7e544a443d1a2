from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.recommender.options_cli import unused_settings
from common.errors import UserError
from common.tuning.configuration import read_settings
from common.tuning.search.cli import SearchOptions
from common.tuning.search.space import Choice, Range, holds, own_space, read_space, settings_of
from common.tuning.settings import Settings
from common.tuning.settings_cli import SettingOptions


class Drawn:
    """A trial that draws what it is told to."""

    def __init__(self, **values: object) -> None:
        self.values = values

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        return self.values[name]  # type: ignore[return-value]

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        return self.values[name]  # type: ignore[return-value]

    def suggest_categorical(self, name: str, choices: object) -> object:
        return self.values[name]


@pytest.mark.parametrize(
    ("pair", "searched"),
    [
        ("learning_rate=1e-5..3e-4,log", Range(1e-5, 3e-4, log=True)),
        ("adversarial=0..1", Range(0, 1)),
        ("epochs=2..8", Range(2, 8, whole=True)),
        ("head_learning_rate=1e-4..1e-2", Range(1e-4, 1e-2)),
        ("strategy=full,lora,top-layers:6", Choice(("full", "lora", "top-layers:6"))),
        ("batch_size=16,32", Choice((16, 32))),
        ("group_by_length=true,false", Choice((True, False))),
        ("head_learning_rate=none,1e-3", Choice((None, 1e-3))),
    ],
)
def test_what_a_person_writes_is_read(pair: str, searched: Range | Choice) -> None:
    assert read_space([pair], Settings()) == {pair.partition("=")[0]: searched}


@pytest.mark.parametrize(
    ("pair", "why"),
    [
        ("learning_rate", "not of the form"),
        ("lerning_rate=1e-5..1e-4", "Did you mean learning_rate"),
        ("learning_rate=1e-4..1e-5", "from the lower end to the higher"),
        ("learning_rate=a..b", "not two numbers"),
        ("learning_rate=0..1e-4,log", "there is no 0"),
        ("learning_rate=0..1e-4", "greater than 0"),
        ("learning_rate=1e-5..1e-4,lin", "only log"),
        ("epochs=1.5..3", "not two whole numbers"),
        ("strategy=full..lora", "has no range"),
        ("strategy=full", "two different values"),
        ("strategy=full,lorra", "lorra"),
        ("optimizer=adamw,adam", "adam"),
        ("dropout=0..1", "less than 1"),
        ("seed=1,2", "--seeds"),
        ("device=cpu,cuda", "not searched"),
    ],
)
def test_what_cannot_be_searched_is_told(pair: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        read_space([pair], Settings())


@pytest.mark.parametrize(
    ("pair", "why"),
    [
        ("seeds=1,3", "seeds: each trial is one run"),
        ("distillation_weight=0.1..0.9", "distillation_weight: each trial is one run"),
        ("exemplars=10,20", "exemplars: it is for train --from"),
    ],
)
def test_what_no_trial_has_a_use_for_is_not_searched(pair: str, why: str) -> None:
    with pytest.raises(UserError, match=f"--search {why}"):
        SearchOptions([pair]).base(SettingOptions())


def test_an_application_searches_for_nothing_that_it_passes_over() -> None:
    of_classes = "class_weights=none,balanced"
    with pytest.raises(UserError, match="--search class_weights: the recommender learns which"):
        SearchOptions([of_classes]).base(SettingOptions(), refused=unused_settings())
    chosen = SearchOptions(["epochs=2..8"]).base(SettingOptions(), refused=unused_settings())
    assert chosen.seeds == 1


def test_a_setting_is_searched_once() -> None:
    with pytest.raises(UserError, match="already"):
        read_space(["epochs=2..4", "epochs=5,6"], Settings())


@given(st.floats(1e-5, 3e-4))
def test_a_number_has_three_digits_and_stays_within(drawn: float) -> None:
    space = read_space(["learning_rate=1e-5..3e-4,log"], Settings())
    settings = settings_of(Drawn(learning_rate=drawn), space, Settings(epochs=2))
    assert settings.epochs == 2
    assert 1e-5 <= settings.learning_rate <= 3e-4
    assert settings.learning_rate == pytest.approx(drawn, rel=5e-3)
    assert settings.learning_rate == float(f"{settings.learning_rate:.2e}")


@pytest.mark.parametrize("drawn", ["full", "lora", "ia3", "top-layers:2"])
def test_each_strategy_has_its_own_rate(drawn: str) -> None:
    base = read_settings()
    space = read_space(["strategy=full,lora,ia3,top-layers:2"], base)
    found = settings_of(Drawn(strategy=drawn), space, base)
    assert found.learning_rate == Settings(strategy=drawn).learning_rate


@pytest.mark.parametrize("strategy", ["full", "lora", "ia3"])
def test_an_applications_rate_is_for_what_was_pretrained(strategy: str) -> None:
    usual = {"learning_rate": 2e-4}
    base = read_settings(None, [f"strategy={strategy}"], defaults=usual)
    space = read_space(["strategy=full,lora,top-layers:2"], base)
    rates = [
        settings_of(Drawn(strategy=drawn), space, base, usual).learning_rate
        for drawn in ("full", "top-layers:2", "lora")
    ]
    assert rates == [2e-4, 2e-4, Settings(strategy="lora").learning_rate]


@pytest.mark.parametrize("rate", [1e-4, 3e-4])
def test_a_rate_that_was_chosen_or_drawn_is_for_all_strategies(rate: float) -> None:
    base = read_settings(None, [f"learning_rate={rate}"])
    space = read_space(["strategy=full,lora"], base)
    assert settings_of(Drawn(strategy="lora"), space, base).learning_rate == rate
    both = read_space(["strategy=full,lora", "learning_rate=1e-5..1e-3"], Settings())
    found = settings_of(Drawn(strategy="lora", learning_rate=rate), both, Settings())
    assert found.learning_rate == rate


def test_a_space_knows_what_could_be_drawn() -> None:
    space = read_space(["strategy=full,lora", "adversarial=0..1"], Settings())
    assert holds(space, Settings(strategy="lora", adversarial=0.5))
    assert not holds(space, Settings(strategy="head", adversarial=0.5))
    assert not holds(space, Settings(strategy="lora", adversarial=2))


def test_where_the_encoder_stays_as_it_is_its_rate_is_not_searched() -> None:
    pairs = ("learning_rate=1e-5..1e-4", "label_smoothing=0..0.2")
    assert {*own_space(pairs, Settings())} == {"learning_rate", "label_smoothing"}
    assert {*own_space(pairs, Settings(strategy="head"))} == {"label_smoothing"}
