"""Differential privacy: its settings, and which others cannot stand beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from common.errors import UserError

STRATEGIES = "full, head, top-layers:N or lora"
# Setting → why it must stay as it is by default.
REFUSED: Mapping[str, str] = {
    "adversarial": "the perturbation of a text would depend on the others of its batch",
    "r_drop": "its second reading is not in the gradient that is bounded",
    "pretrained_share": "heads would be fitted again, to records that were counted already",
    "class_weights": "they are made of how often each label is in the records",
    "logit_adjustment": "it is made of how often each label is in the records",
    "contrastive_epochs": "a pair is of two records, and each is in many pairs",
    "label_names": "the names of labels may be a secret, too",
    "seeds": "each run would spend the budget anew",
    "accumulation": "batch_size is already how many records a step reads on average",
    "lora_variant": "gradients of single records are known of plain LoRA alone",
}


class PrivacySettings(BaseModel):
    """The budget of a run, and the bound of one record's gradient."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    privacy_epsilon: float | None = Field(
        None, gt=0, description="ε of differential privacy; none: training without it"
    )
    privacy_delta: float = Field(
        1e-5, gt=0, lt=1, description="δ of differential privacy; less than 1 / records"
    )
    privacy_clipping: float = Field(1.0, gt=0, description="largest norm of one record's gradient")

    @property
    def is_private(self) -> bool:
        """Whether what one record may change is bounded."""
        return self.privacy_epsilon is not None

    @model_validator(mode="after")
    def _privacy_makes_sense(self) -> Self:
        if not self.is_private:
            return self
        for name, reason in REFUSED.items():
            field = type(self).model_fields.get(name)
            if field is not None and getattr(self, name) != field.default:
                raise UserError(
                    f"privacy_epsilon and {name} do not go together: {reason}",
                    hint=f"Leave {name} as it is.",
                )
        strategy = str(getattr(self, "strategy", "full"))
        if strategy.partition(":")[0] not in {"full", "head", "top-layers", "lora"}:
            raise UserError(
                f"privacy_epsilon: gradients of single records are not known under "
                f"strategy={strategy}",
                hint=f"Take {STRATEGIES}.",
            )
        if getattr(self, "precision", "fp32") in {"bf16", "fp16"}:
            raise UserError(
                "privacy_epsilon: a norm in half precision bounds nothing exactly",
                hint="Leave precision out: fp32 is taken.",
            )
        return self
