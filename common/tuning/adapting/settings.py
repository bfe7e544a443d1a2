"""How much of a pretrained model learns, and what is added to it."""

from __future__ import annotations

from typing import Any, Self, cast

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from common.errors import UserError
from common.models.adapting.adapter import (
    FOLDABLE,
    SIZES,
    Adapter,
    AdapterKind,
    LoraVariant,
    adapter_of,
)
from common.models.adapting.quantised import QuantisedBase, quantised_as

# What is refused beside a quantised base.
UNQUANTISED = {
    "torch_compile": "the layers compute by functions that it does not look into",
    "contrastive_epochs": "the heads then start anew on weights that can be loaded as a whole",
    "privacy_epsilon": "gradients of single records are known of layers in full alone",
}


class AdaptingSettings(BaseModel):
    """The strategy, and the sizes of what some strategies add."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    strategy: str = Field(
        "full",
        description="full, head, top-layers:N, or what is added to a frozen model: "
        "lora, adalora, ia3, adapter, prompt or prefix",
    )
    freeze_word_embeddings: bool | None = Field(
        None, description="words' vectors stay as they are; none: those of 100k rows or more"
    )
    lora_rank: int = Field(16, ge=1, description="of lora; of adalora on average, in the end")
    lora_alpha: int = Field(32, ge=1, description="how much what is added counts, over its rank")
    lora_dropout: float = Field(
        0.05, ge=0, lt=1, description="share of units left out before what is added"
    )
    lora_variant: LoraVariant = Field("plain", description="plain, rslora or dora")
    lora_frozen_a: bool = Field(
        False, description="of lora: A stays as it was drawn, B alone learns"
    )
    adalora_initial_rank: int | None = Field(
        None, ge=2, description="before ranks are allocated; none: half more than lora_rank"
    )
    adapter_width: int = Field(64, ge=1, description="hidden units of strategy=adapter")
    learned_tokens: int = Field(
        20, ge=1, description="vectors that prompt and prefix learn before a text"
    )
    keep_adapter: bool = Field(
        False, description="keep what was added beside the weights instead of folding it in"
    )
    quantised_base: QuantisedBase | None = Field(
        None,
        description="int8 or int4: the linear layers of a causal model, beside which LoRA learns; "
        "none: in full",
    )

    @field_validator("strategy")
    @classmethod
    def _known_strategy(cls, value: str) -> str:
        from common.models.adapting.freezing import parse_strategy

        parse_strategy(value)
        return value

    @model_validator(mode="after")
    def _adapter_makes_sense(self) -> Self:
        if self.keep_adapter and self.strategy not in FOLDABLE:
            raise UserError(
                f"keep_adapter: strategy={self.strategy} "
                + ("adds nothing" if self.adapter is None else "is kept in any case"),
                hint=f"It is for {', '.join(sorted(FOLDABLE))}.",
            )
        if self.quantised_base and self.strategy != "lora":
            raise UserError(
                f"quantised_base={self.quantised_base}: weights in so few bits do not learn, and "
                f"strategy={self.strategy} "
                + ("lets them" if self.adapter is None else "is not tried beside them"),
                hint="Take strategy=lora, or leave quantised_base out.",
            )
        for name, reason in UNQUANTISED.items():
            if self.quantised_base and getattr(self, name, None):
                raise UserError(
                    f"quantised_base and {name} do not go together: {reason}",
                    hint=f"Leave {name} out.",
                )
        if self.strategy == "adalora" and self.lora_variant != "plain":
            raise UserError(f"adalora has no variant {self.lora_variant}", hint="Take lora.")
        if self.lora_frozen_a and self.strategy != "lora":
            raise UserError(f"lora_frozen_a: strategy={self.strategy} has no A", hint="Take lora.")
        if self.strategy == "adalora" and self.initial_rank <= self.lora_rank:
            raise UserError(
                f"adalora_initial_rank={self.initial_rank} leaves no ranks to take away: "
                f"lora_rank={self.lora_rank}",
                hint="Give a higher adalora_initial_rank, or a lower lora_rank.",
            )
        return self

    @property
    def initial_rank(self) -> int:
        """Of AdaLoRA, before ranks are allocated."""
        return self.adalora_initial_rank or -(-3 * self.lora_rank // 2)

    @property
    def adapter(self) -> Adapter | None:
        """What the strategy adds to the model; None: nothing."""
        if self.strategy not in SIZES:
            return None
        kind = cast(AdapterKind, self.strategy)
        sizes = {
            "rank": self.lora_rank,
            "initial_rank": self.initial_rank,
            "alpha": self.lora_alpha,
            "dropout": self.lora_dropout,
            "variant": self.lora_variant,
            "frozen_a": self.lora_frozen_a,
            "width": self.adapter_width,
            "tokens": self.learned_tokens,
        }
        return Adapter(kind, **{name: sizes[name] for name in SIZES[kind]})  # type: ignore[arg-type]


def beside_its_base(network: Any) -> dict[str, Any]:
    """Settings by which what lies beside a quantised base learns on; of any other base none."""
    added = adapter_of(network)
    if added is None or quantised_as(network) is None:
        return {}
    return {"strategy": added.kind} | {f"lora_{name}": size for name, size in added.sizes.items()}
