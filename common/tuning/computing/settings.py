"""Less memory for more time, or less time after a while of compiling."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from common.errors import UserError

ONCE = "texts are read once, without gradients"


class ComputingSettings(BaseModel):
    """What changes neither what is learned nor the release."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gradient_checkpointing: bool = Field(
        False, description="keep no activations, compute them again: less memory, more time"
    )
    torch_compile: bool = Field(
        False, description="compile the network first: a minute or more, then faster on a GPU"
    )

    @model_validator(mode="after")
    def _computing_makes_sense(self) -> Self:
        strategy = str(getattr(self, "strategy", "full"))
        for name in ("gradient_checkpointing", "torch_compile"):
            if getattr(self, name) and strategy == "head":
                raise UserError(
                    f"{name} has nothing to work on under strategy=head: {ONCE}",
                    hint="Leave it out, or take lora, top-layers:N or full.",
                )
            if getattr(self, name) and getattr(self, "privacy_epsilon", None) is not None:
                raise UserError(
                    f"privacy_epsilon and {name} do not go together: the gradient of one record "
                    "is taken while the network computes, once",
                    hint=f"Leave {name} out.",
                )
        if self.gradient_checkpointing and strategy == "prefix":
            raise UserError(
                "gradient_checkpointing lets no layer keep keys and values, and strategy=prefix "
                "puts its own there",
                hint="Take prompt or lora, or leave gradient_checkpointing out.",
            )
        return self
