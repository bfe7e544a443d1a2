"""How a release that is trained further keeps what it knows."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from common.errors import UserError

TUNED = ("replay", "distillation", "ewc")
FROZEN = ("nearest-mean", "klda")
USUAL = "replay,distillation"


class ContinualSettings(BaseModel):
    """What `train --from` does against forgetting."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    continual: str | None = Field(
        None,
        description="of train --from: replay, distillation, ewc, or several by comma; or "
        "nearest-mean or klda, which leave the encoder as it is; none: " + USUAL,
    )
    exemplars: int = Field(
        20, ge=1, description="old texts of each label that are learned again, or stand for it"
    )
    continual_distillation: float = Field(
        1.0, gt=0, description="weight of what the old model says of a text"
    )
    continual_temperature: float = Field(
        2.0, gt=0, description="by which old and new logits are divided before they are compared"
    )
    ewc: float = Field(
        1000.0, gt=0, description="weight of the penalty on weights that old texts rest on"
    )
    klda_features: int = Field(2000, ge=1, description="random Fourier features of klda")

    @field_validator("continual")
    @classmethod
    def _known_mechanisms(cls, value: str | None) -> str | None:
        if value is None:
            return None
        names = list(dict.fromkeys(name.strip() for name in value.split(",")))
        for name in names:
            if name not in (*TUNED, *FROZEN):
                raise UserError(
                    f"continual: there is no {name!r}",
                    hint=f"Take {', '.join(TUNED)}, several of them by comma, "
                    f"{' or '.join(FROZEN)}.",
                )
        alone = [name for name in names if name in FROZEN]
        if alone and len(names) > 1:
            raise UserError(
                f"continual={value}: {alone[0]} leaves the encoder as it is, and fits the heads "
                "at once: nothing can be added to it",
                hint=f"Take {alone[0]} alone, or {' and '.join(TUNED)} together.",
            )
        return ",".join(names)

    @model_validator(mode="after")
    def _has_what_it_weighs(self) -> Self:
        for name, needed in (
            ("ewc", "ewc"),
            ("continual_distillation", "distillation"),
            ("continual_temperature", "distillation"),
            ("klda_features", "klda"),
        ):
            is_default = getattr(self, name) == type(self).model_fields[name].default
            if not is_default and needed not in self.mechanisms:
                raise UserError(
                    f"{name} is for continual={needed}, and that is {','.join(self.mechanisms)}",
                    hint=f"Add it: --set continual={needed}",
                )
        return self

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """What `train --from` takes."""
        return tuple((self.continual or USUAL).split(","))

    @property
    def replays(self) -> bool:
        """Old texts are learned again, or stand for their class."""
        return self.is_frozen or "replay" in self.mechanisms

    @property
    def is_frozen(self) -> bool:
        """The encoder stays, and the heads are fitted at once."""
        return self.mechanisms[0] in FROZEN
