"""Less memory for more time, or less time after a while of compiling."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from common.errors import UserError

ONCE = "texts are read once, without gradients"
# What looks at whole weights, or computes apart from the training step.
NOT_SHARED = {
    "torch_compile": "compiled code keeps no weights that come and go",
    "adversarial": "it perturbs words' vectors, of which each process has a part",
    "r_drop": "it reads a batch again with whole weights",
    "averaging": "it keeps whole weights",
    "privacy_epsilon": "the gradient of one record is taken of whole weights",
    "quantised_base": "weights in so few bits are not shared out",
}


class ComputingSettings(BaseModel):
    """What changes neither what is learned nor the release."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gradient_checkpointing: bool = Field(
        False, description="keep no activations, compute them again: less memory, more time"
    )
    torch_compile: bool = Field(
        False, description="compile the network first: a minute or more, then faster on a GPU"
    )
    sharded: bool = Field(
        False,
        description="share weights, gradients and optimizer out among the processes of torchrun "
        "(FSDP): less memory each, more to send",
    )

    tokens_per_pass: int | None = Field(
        None,
        ge=0,
        description="a batch of more tokens is learned in several passes, by encoders alone; "
        "0: in one; none: 4,096, on a GPU 16,384",
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
        for name, reason in NOT_SHARED.items():
            if self.sharded and getattr(self, name, None):
                raise UserError(
                    f"sharded and {name} do not go together: {reason}",
                    hint=f"Leave {name} or sharded out.",
                )
        if self.sharded and (strategy in {"head", "adalora"}):
            raise UserError(
                f"sharded: under strategy={strategy} "
                + (ONCE if strategy == "head" else "ranks are allocated over whole weights"),
                hint="Leave it out, or take lora, top-layers:N or full.",
            )
        return self
