"""How a task is learned from a teacher beside its labels."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class DistillationSettings(BaseModel):
    """What counts where `train` is given a `--teacher`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    distillation_weight: float = Field(
        0.5, gt=0, le=1, description="share of a `--teacher` in the loss; the labels have the rest"
    )
    distillation_temperature: float = Field(
        2.0, gt=0, description="softens a `--teacher`'s probabilities: the higher, the more alike"
    )
