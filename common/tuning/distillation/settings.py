"""How a task is learned from a teacher beside its labels, and by several runs."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from common.errors import UserError


class DistillationSettings(BaseModel):
    """Teachers of `train`, and ensembles, which end as one network."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    distillation_weight: float = Field(
        0.5, gt=0, le=1, description="share of a teacher in the loss; the labels have the rest"
    )
    distillation_temperature: float = Field(
        2.0, gt=0, description="softens a teacher's probabilities: the higher, the more alike"
    )
    seeds: int = Field(1, ge=1, description="runs that differ in their seed and become one network")
    ensemble: Literal["weights", "probabilities"] = Field(
        "weights",
        description="several seeds: the mean of their weights, or a run taught by their mean "
        "probabilities",
    )

    @model_validator(mode="after")
    def _an_ensemble_is_of_several(self) -> Self:
        if self.seeds == 1 and self.ensemble == "probabilities":
            raise UserError(
                "ensemble=probabilities is of several runs, and seeds=1 is one",
                hint="Say how many: --set seeds=3",
            )
        return self
