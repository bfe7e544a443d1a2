"""What a run computes otherwise, and learns all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from toy import tune

from common.errors import UserError
from common.tuning.computing import network
from common.tuning.settings import Settings


@pytest.mark.parametrize("strategy", ["full", "lora"])
def test_what_is_computed_again_is_learned_alike(
    tiny_model: Path, tmp_path: Path, strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    same = {"epochs": 2, "dropout": 0.0, "lora_dropout": 0.0, "strategy": strategy}
    usual = tune(tiny_model, tmp_path / "usual", **same)
    computed: list[int] = []
    checkpoint = torch.utils.checkpoint.checkpoint

    def counted(*arguments: Any, **options: Any) -> Any:
        computed.append(1)
        return checkpoint(*arguments, **options)

    monkeypatch.setattr("transformers.modeling_utils.checkpoint", counted)
    again = tune(tiny_model, tmp_path / "again", gradient_checkpointing=True, **same)
    assert computed
    assert again.after == pytest.approx(usual.after, rel=1e-4)
    assert not again.module.network.is_gradient_checkpointing


def test_a_compiled_network_learns_alike_and_is_as_it_was_in_the_end(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It makes no code, and so needs neither a compiler nor its minutes.
    monkeypatch.setattr(network, "BACKEND", "eager")
    compiled: list[object] = []
    compile_it = torch.nn.Module.compile

    def seen(self: torch.nn.Module, **options: Any) -> None:
        compiled.append(self)
        compile_it(self, **options)

    monkeypatch.setattr(torch.nn.Module, "compile", seen)
    usual = tune(tiny_model, tmp_path / "usual", epochs=1, dropout=0.0)
    assert not compiled
    tuned = tune(tiny_model, tmp_path / "compiled", epochs=1, dropout=0.0, torch_compile=True)
    assert compiled == [tuned.module.network]
    assert tuned.after == pytest.approx(usual.after, rel=1e-4)
    assert tuned.module.network._compiled_call_impl is None


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"gradient_checkpointing": True, "strategy": "head"}, "read once"),
        ({"torch_compile": True, "strategy": "head"}, "read once"),
        ({"gradient_checkpointing": True, "strategy": "prefix"}, "keys and values"),
        ({"torch_compile": True, "privacy_epsilon": 3.0}, "one record"),
        ({"sharded": True, "strategy": "head"}, "read once"),
        ({"sharded": True, "strategy": "adalora"}, "whole weights"),
        ({"sharded": True, "averaging": "ema"}, "whole weights"),
        ({"sharded": True, "adversarial": 0.5}, "has a part"),
    ],
    ids=str,
)
def test_what_has_nothing_to_work_on_is_refused(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        Settings(**settings)


def test_without_a_compiler_it_is_refused_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(UserError, match="no-such-compiler"):
        network.check_computing(Settings(torch_compile=True), "cpu")
    network.check_computing(Settings(), "cpu")


def test_who_is_alone_shares_with_nobody_and_a_shared_run_is_not_resumed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with pytest.raises(UserError, match="nobody to share with"):
        network.check_computing(Settings(sharded=True), "cpu")
    monkeypatch.setenv("WORLD_SIZE", "2")
    network.check_computing(Settings(sharded=True), "cpu")
    with pytest.raises(UserError, match="how it is learned on"):
        network.check_computing(Settings(sharded=True), "cpu", resume=True)
