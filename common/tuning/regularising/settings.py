"""What keeps a model from learning its texts by heart, beside dropout and weight decay."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class RegularisingSettings(BaseModel):
    """Adversarial training, R-Drop and averages of weights."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    adversarial: float = Field(
        0.0, ge=0, description="norm of the perturbation; 0: none; strategy=head takes none"
    )
    adversarial_steps: int = Field(
        1, ge=1, description="steps to the perturbation, a pass each; 1: FGM, more: PGD"
    )
    r_drop: float = Field(
        0.0, ge=0, description="weight of R-Drop: two readings, other dropout, alike; 0: none"
    )
    averaging: Literal["ema", "swa", "soup"] | None = Field(
        None,
        description="moving (ema), mean of the last steps (swa), or of the evaluations that are "
        "better together (soup)",
    )
    averaging_decay: float = Field(0.998, gt=0, lt=1, description="what ema keeps of itself a step")
    averaging_start: float = Field(
        0.75, ge=0, lt=1, description="share of all steps after which swa averages, at one rate"
    )
    pretrained_share: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="of the weights before training in a mean with those after it, heads fitted "
        "again; none: as usual",
    )

    @model_validator(mode="before")
    @classmethod
    def _moving_average(cls, values: Any) -> Any:
        """Releases name their settings; earlier ones give the decay of the moving average alone."""
        if isinstance(values, dict) and "weight_averaging" in values:
            values = dict(values)
            if decay := float(values.pop("weight_averaging")):
                values |= {"averaging": "ema", "averaging_decay": decay}
        return values
