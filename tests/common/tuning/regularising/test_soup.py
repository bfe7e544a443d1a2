from __future__ import annotations

from pathlib import Path

import pytest
import torch

from common.tuning.regularising import soup as soups
from common.tuning.regularising.soup import MOST, GreedySoup
from common.tuning.task import Metric

ERROR = Metric("error", higher_is_better=False)


def _evaluated(tmp_path: Path, values: list[float]) -> tuple[torch.nn.Linear, GreedySoup]:
    """A module whose weight was each of `values` in turn; 0 would be best."""
    module = torch.nn.Linear(1, 1, bias=False)
    soup = GreedySoup(module, tmp_path / "soup", ERROR)
    for step, value in enumerate(values, start=1):
        module.weight.data.fill_(value)
        soup.add(step, abs(value))
    return module, soup


def test_what_helps_joins_and_what_does_not_stays_out(tmp_path: Path) -> None:
    module, soup = _evaluated(tmp_path, [5.0, 1.0, -2.0, 1.5])
    taken = soup.choose(lambda: abs(float(module.weight.detach())))
    # 1 alone; with 1.5 it is worse; with -2 it is better; with 5 it would be worse again.
    assert taken == [2, 3]
    assert float(module.weight.detach()) == pytest.approx(-0.5)


def test_higher_may_be_better(tmp_path: Path) -> None:
    module = torch.nn.Linear(1, 1, bias=False)
    soup = GreedySoup(module, tmp_path, Metric("right"))
    for step, value in enumerate((1.0, 3.0), start=1):
        module.weight.data.fill_(value)
        soup.add(step, value)
    assert soup.choose(lambda: float(module.weight.detach())) == [2]
    assert float(module.weight.detach()) == 3.0


def test_only_the_best_are_kept(tmp_path: Path) -> None:
    _evaluated(tmp_path, [float(value) for value in range(20, 0, -1)])
    kept = {int(path.stem) for path in (tmp_path / "soup").iterdir()}
    assert kept == {*range(21 - MOST, 21)}


def test_an_evaluation_that_was_half_written_as_the_run_died_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, soup = _evaluated(tmp_path, [1.0])

    def killed(_: object, path: Path, **__: object) -> None:
        path.write_bytes(b"half of it")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(soups, "save_file", killed)
        with pytest.raises(KeyboardInterrupt):
            soup.add(2, 0.5)
    again = GreedySoup(module, tmp_path / "soup", ERROR)
    assert again.choose(lambda: 1.0) == [1]
