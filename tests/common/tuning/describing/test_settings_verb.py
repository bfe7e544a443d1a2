"""`settings`: every technique says what it is."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from command_line import run_here

from common.models.adapting.adapter import SIZES
from common.tuning.describing.families import FAMILIES, STRATEGIES, described
from common.tuning.privacy.settings import PrivacySettings
from common.tuning.settings import Settings

APPLICATIONS = ("customer_service", "finance_monitor", "recommender")


def test_each_setting_is_in_one_family_and_says_what_it_is() -> None:
    named = Counter(name for names in FAMILIES.values() for name in names)
    assert named == Counter(Settings.model_fields.keys())
    for one in described({}):
        assert one.text, one.name
        assert one.default == Settings.model_fields[one.name].default


@pytest.mark.parametrize("application", APPLICATIONS)
def test_the_settings_of_an_application_are_listed(application: str) -> None:
    done = run_here(application, "settings", "--json")
    assert done.returncode == 0, done.stderr
    found = {one["name"]: one for one in json.loads(done.stdout)["settings"]}
    assert found["lora_rank"]["needs"] == "strategy=lora or adalora"
    shown = run_here(application, "settings")
    assert shown.returncode == 0, shown.stderr
    for name, text in json.loads(done.stdout)["strategies"].items():
        assert name in shown.stdout
        assert text in shown.stdout
    for one in found.values():
        assert one["name"] in shown.stdout
        assert one["text"] in shown.stdout


def test_each_strategy_says_what_it_is() -> None:
    for name in (*SIZES, "full", "head", "top-layers:2"):
        assert STRATEGIES["top-layers:N" if name == "top-layers:2" else name]
        assert Settings(strategy=name).strategy == name
    assert len(STRATEGIES) == len(SIZES) + 3


def test_an_application_has_defaults_of_its_own_and_leaves_out_what_it_refuses() -> None:
    def names(application: str) -> dict[str, object]:
        shown = json.loads(run_here(application, "settings", "--json").stdout)["settings"]
        return {one["name"]: one["default"] for one in shown}

    assert names("customer_service")["learning_rate"] == 2e-4
    assert names("recommender")["strategy"] == "head"
    assert not {"class_weights", *PrivacySettings.model_fields} & {*names("recommender")}
    assert "tokens_per_pass" in names("recommender")
    assert {"pair_weight"} == {*names("finance_monitor")} - {*names("customer_service")}


def test_train_points_to_them() -> None:
    shown = run_here("finance_monitor", "train", "--help").stdout
    assert "the verb `settings` lists them all" in " ".join(shown.replace("│", " ").split())
