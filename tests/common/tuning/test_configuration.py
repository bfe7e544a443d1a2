from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import UserError
from common.tuning.configuration import read_settings


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text("epochs = 7\nbatch_size = 8\nseed = 5\n", encoding="utf-8")
    return path


def test_flag_goes_before_environment_before_file_before_default(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_settings(config).epochs == 7
    assert read_settings(config).learning_rate == read_settings().learning_rate
    monkeypatch.setenv("BIZLM_EPOCHS", "6")
    assert read_settings(config).epochs == 6
    assert read_settings(config, seed=None).seed == 5
    config.write_text("dropout = 0.1\n", encoding="utf-8")
    assert read_settings(config).dropout == 0.1
    monkeypatch.setenv("BIZLM_DROPOUT", "none")
    assert read_settings(config).dropout is None
    monkeypatch.delenv("BIZLM_DROPOUT")
    config.write_text("epochs = 7\nbatch_size = 8\nseed = 5\n", encoding="utf-8")
    found = read_settings(config, ["epochs=3", "dropout=none"], seed=1)
    assert (found.epochs, found.batch_size, found.seed, found.dropout) == (3, 8, 1, None)


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("epoch=3", "Did you mean epochs?"),
        ("zzz=3", "Settings: strategy"),
        ("epochs", "not of the form name=value"),
        ("epochs=0", "setting epochs: Input should be greater than or equal to 1"),
        ("strategy=half", "half"),
        ("seed=-1", "setting seed: Input should be greater than or equal to 0"),
        ("seed=20261201123000", "setting seed: Input should be less than or equal to 2147483647"),
        ("learning_rate=inf", "setting learning_rate: Input should be a finite number"),
        ("adversarial=inf", "setting adversarial: Input should be a finite number"),
    ],
)
def test_a_setting_that_cannot_be_is_told(pair: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        read_settings(None, [pair])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such file"), ("epochs = ", "broken TOML"), ("epoch = 3", "Did you mean epochs?")],
)
def test_a_file_that_cannot_be_is_told(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "settings.toml"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_settings(path)
    assert message in str(caught.value)


def test_defaults_of_an_application_give_way_to_a_shared_run_and_what_is_chosen_does_not() -> None:
    own = {"adversarial": 1.0, "epochs": 6}
    shared = read_settings(None, ["sharded=true"], defaults=own)
    assert (shared.sharded, shared.adversarial, shared.epochs) == (True, 0.0, 6)
    assert read_settings(None, ["sharded=false"], defaults=own).adversarial == 1.0
    with pytest.raises(UserError, match="sharded and adversarial"):
        read_settings(None, ["sharded=true", "adversarial=1"], defaults=own)
