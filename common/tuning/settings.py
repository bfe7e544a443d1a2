"""How to fine-tune: every choice in one place, checked before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from common.errors import UserError
from common.models.adapting.adapter import FOLDABLE, SIZES, Adapter, AdapterKind, LoraVariant

# What is added starts at nothing, and takes higher rates than what was pretrained.
RATES: Mapping[str, float] = {
    "lora": 1e-3,
    "adalora": 2e-3,
    "ia3": 1e-2,
    "adapter": 1e-3,
    "prompt": 1e-2,
    "prefix": 1e-2,
}


class Settings(BaseModel):
    """Settings of one fine-tuning run. Rates are per optimizer step, shares from 0 to 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    strategy: str = Field(
        "full",
        description="full, head, top-layers:N, or what is added to a frozen model: "
        "lora, adalora, ia3, adapter, prompt or prefix",
    )
    epochs: int = Field(5, ge=1)
    batch_size: int = Field(32, ge=2, description="records per process and forward pass")
    accumulation: int = Field(1, ge=1, description="forward passes per optimizer step")
    optimizer: Literal["adamw", "sgd", "adafactor"] = "adamw"
    learning_rate: float = Field(
        1e-4, gt=0, description="none: what suits the strategy, 1e-4 where nothing is added"
    )
    head_learning_rate: float | None = Field(1e-3, gt=0, description="None: the encoder's")
    layer_decay: float = Field(1.0, gt=0, le=1, description="factor per layer, from the top down")
    schedule: Literal["linear", "cosine", "constant_with_warmup"] = "linear"
    warmup: float = Field(0.1, ge=0, lt=1, description="share of all steps")
    weight_decay: float = Field(0.01, ge=0)
    dropout: float | None = Field(None, ge=0, lt=1, description="None: as the model was pretrained")
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    focal: float = Field(
        0.0, ge=0, description="exponent of the focal loss of classes; 0: cross-entropy"
    )
    evaluate_every: int = Field(
        0, ge=0, description="steps between evaluations, beside one an epoch; 0: epochs alone"
    )
    gradient_clipping: float = Field(1.0, ge=0, description="largest gradient norm; 0: none")
    adversarial: float = Field(
        0.0, ge=0, description="norm of the perturbation; 0: none; strategy=head takes none"
    )
    weight_averaging: float = Field(
        0.0, ge=0, lt=1, description="what the averaged weights keep of themselves a step; 0: none"
    )
    typing_errors: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of the training texts read with one or two typing errors",
    )
    patience: int = Field(3, ge=0, description="evaluations without gain before stopping; 0: never")
    group_by_length: bool = True
    freeze_word_embeddings: bool | None = Field(
        None, description="None: those of 100k rows or more"
    )
    lora_rank: int = Field(16, ge=1, description="of lora; of adalora on average, in the end")
    lora_alpha: int = Field(32, ge=1)
    lora_dropout: float = Field(0.05, ge=0, lt=1)
    lora_variant: LoraVariant = Field("plain", description="plain, rslora or dora")
    adalora_initial_rank: int | None = Field(
        None, ge=2, description="before ranks are allocated; None: half more than lora_rank"
    )
    adapter_width: int = Field(64, ge=1, description="hidden units of strategy=adapter")
    learned_tokens: int = Field(
        20, ge=1, description="vectors that prompt and prefix learn before a text"
    )
    keep_adapter: bool = Field(
        False, description="keep what was added beside the weights instead of folding it in"
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    device: str = "auto"
    seed: int = 0

    @model_validator(mode="before")
    @classmethod
    def _rate_of_the_strategy(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("learning_rate") is None:
            rate = RATES.get(str(values.get("strategy")))
            rest = {name: value for name, value in values.items() if name != "learning_rate"}
            return rest if rate is None else {**rest, "learning_rate": rate}
        return values

    @field_validator("strategy")
    @classmethod
    def _known_strategy(cls, value: str) -> str:
        from common.models.adapting.freezing import parse_strategy

        parse_strategy(value)
        return value

    @model_validator(mode="after")
    def _make_sense_together(self) -> Settings:
        if self.keep_adapter and self.strategy not in FOLDABLE:
            raise UserError(
                f"keep_adapter: strategy={self.strategy} "
                + ("adds nothing" if self.adapter is None else "is kept in any case"),
                hint=f"It is for {', '.join(sorted(FOLDABLE))}.",
            )
        if self.strategy == "adalora" and self.lora_variant != "plain":
            raise UserError(f"adalora has no variant {self.lora_variant}", hint="Take lora.")
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
            "width": self.adapter_width,
            "tokens": self.learned_tokens,
        }
        return Adapter(kind, **{name: sizes[name] for name in SIZES[kind]})  # type: ignore[arg-type]
