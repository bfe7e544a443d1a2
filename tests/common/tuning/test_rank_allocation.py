"""A run with AdaLoRA ends with the ranks that were asked for, and keeps what chose them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from toy import tune

from common.tuning.adapting.adalora import AllocateRanks, Orthogonality

MATRICES = 12


@pytest.mark.parametrize("more", [{}, {"accumulation": 2}, {"precision": "bf16"}], ids=str)
def test_a_run_ends_with_the_ranks_that_were_asked_for(
    tiny_model: Path, tmp_path: Path, more: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[int] = []
    update = AllocateRanks.on_optimizer_step

    def watched(self: Any, *args: Any, **given: Any) -> None:
        update(self, *args, **given)
        used.append(self._ranks.used())

    terms: list[float] = []
    term = Orthogonality.__call__

    def added(self: Any, *args: Any) -> Any:
        terms.append(found := term(self, *args))
        return found

    monkeypatch.setattr(Orthogonality, "__call__", added)
    monkeypatch.setattr(AllocateRanks, "on_optimizer_step", watched)
    sizes = {"strategy": "adalora", "lora_rank": 2, "adalora_initial_rank": 6}
    tuned = tune(tiny_model, tmp_path / "work", epochs=8, learning_rate=1e-2, **sizes, **more)
    assert tuned.after["loss"] < tuned.before["loss"]
    # At the first step, warming up, nothing is learned yet.
    assert max(used) > 4 * MATRICES
    assert len(terms) >= len(used)
    assert used[-1] == 2 * MATRICES
    newest = max((tmp_path / "work").glob("checkpoint-*"), key=lambda p: int(p.name[11:]))
    assert load_file(newest / "ranks.safetensors")
