"""Puts this folder, with its `toy`, among what the tests below it may import."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with every step that is trained from here on."""
    from transformers import Trainer

    trained: list[int] = []
    step = Trainer.training_step

    def counted(self: Trainer, *arguments: Any, **options: Any) -> Any:
        trained.append(self.state.global_step)
        return step(self, *arguments, **options)

    monkeypatch.setattr(Trainer, "training_step", counted)
    return trained
