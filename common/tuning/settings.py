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
    class_weights: Literal["none", "balanced", "effective"] = Field(
        "none",
        description="rare classes count more: by as much as they are rarer, or by less",
    )
    logit_adjustment: float = Field(
        0.0, ge=0, description="how much of how usual a class is (τ) is not to be learned; 0: none"
    )
    monitor: str | None = Field(
        None, description="figure that chooses the best evaluation; None: the task's usual one"
    )
    evaluate_every: int = Field(
        0, ge=0, description="steps between evaluations, beside one an epoch; 0: epochs alone"
    )
    gradient_clipping: float = Field(1.0, ge=0, description="largest gradient norm; 0: none")
    adversarial: float = Field(
        0.0, ge=0, description="norm of the perturbation; 0: none; strategy=head takes none"
    )
    adversarial_steps: int = Field(
        1, ge=1, description="steps to the perturbation, a pass each; 1: FGM, more: PGD"
    )
    r_drop: float = Field(
        0.0, ge=0, description="weight of R-Drop: two readings, other dropout, alike; 0: none"
    )
    averaging: Literal["none", "ema", "swa", "soup"] = Field(
        "none",
        description="moving (ema), mean of the last steps (swa), or of the evaluations that are "
        "better together (soup)",
    )
    averaging_decay: float = Field(0.998, gt=0, lt=1, description="what ema keeps of itself a step")
    averaging_start: float = Field(
        0.75, ge=0, lt=1, description="share of all steps after which swa averages, at one rate"
    )
    typing_errors: float = Field(
        0.0, ge=0, le=1, description="share of the training texts read with one or two errors"
    )
    word_dropout: float = Field(
        0.0, ge=0, le=1, description="share read without one or two of their words"
    )
    word_swap: float = Field(
        0.0, ge=0, le=1, description="share read with one or two neighbouring words swapped"
    )
    synonyms: float = Field(
        0.0, ge=0, le=1, description="share read with other words of the glossary's groups"
    )
    glossary: str | None = Field(
        None, description="TOML or CSV file of groups of words that mean the same"
    )
    widths: float = Field(
        0.0, ge=0, le=1, description="share of Chinese texts read in full- or half-width letters"
    )
    scripts: float = Field(
        0.0, ge=0, le=1, description="share of Chinese texts read in the other script"
    )
    back_translation: str | None = Field(
        None, description="two translation models, there,back: directories or hub ids"
    )
    back_translated: float = Field(
        0.3, ge=0, le=1, description="share read as they came back, where there are such models"
    )
    pseudo_label_confidence: float = Field(
        0.9, gt=0, le=1, description="least probability of a label that `--unlabelled` texts get"
    )
    contrastive_epochs: int = Field(
        0, ge=0, description="epochs over pairs of texts before the heads are fitted; 0: none"
    )
    contrastive_pairs: int = Field(
        5, ge=1, description="pairs of one class, and of two, that each text has in such an epoch"
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
    tracking: str | None = Field(
        "tensorboard",
        description="tensorboard, json, wandb, mlflow, several by comma, or none",
    )

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

    @model_validator(mode="before")
    @classmethod
    def _moving_average(cls, values: Any) -> Any:
        """Releases name their settings; earlier ones give the decay of the moving average alone."""
        if isinstance(values, dict) and "weight_averaging" in values:
            values = dict(values)
            if decay := float(values.pop("weight_averaging")):
                values |= {"averaging": "ema", "averaging_decay": decay}
        return values

    @model_validator(mode="after")
    def _augmentation_makes_sense(self) -> Settings:
        if bool(self.synonyms) != bool(self.glossary):
            raise UserError(
                "synonyms come from a glossary, and a glossary is for them: one is given alone",
                hint="Give both: --set glossary=words.toml --set synonyms=0.2",
            )
        if self.back_translation is not None:
            names = self.back_translation.split(",")
            if len(names) != 2 or not all(name.strip() for name in names):
                raise UserError(
                    f"setting back_translation: not two models: {self.back_translation!r}",
                    hint="--set back_translation=Helsinki-NLP/opus-mt-en-de,"
                    "Helsinki-NLP/opus-mt-de-en",
                )
        return self

    @model_validator(mode="after")
    def _learning_makes_sense(self) -> Settings:
        if self.class_weights != "none" and self.logit_adjustment:
            raise UserError(
                "class_weights and logit_adjustment would make up for the same thing twice",
                hint="Take one of them.",
            )
        if self.adversarial_steps > 1 and not self.adversarial:
            raise UserError(
                "adversarial_steps lead to a perturbation, and adversarial=0 takes none",
                hint="Give its norm: --set adversarial=0.5",
            )
        if self.averaging == "swa" and self.averaging_start < self.warmup:
            raise UserError(
                f"averaging=swa holds the rate from {self.averaging_start:.0%} of the steps on, "
                f"which is before the end of its warmup ({self.warmup:.0%})",
                hint="Let averaging_start be at least as large as warmup.",
            )
        if self.r_drop and self.strategy == "head":
            raise UserError(
                "r_drop has nothing to work on under strategy=head: texts are read once, "
                "without dropout",
                hint="Take lora, top-layers:N or full.",
            )
        has_dropout = self.dropout != 0 or (
            self.strategy in {"lora", "adalora"} and self.lora_dropout > 0
        )
        if self.r_drop and not has_dropout:
            raise UserError(
                "r_drop needs dropout, and dropout=0 takes it away",
                hint="Leave dropout as the model was pretrained, or take --set dropout=0.1.",
            )
        return self

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

    @field_validator("tracking")
    @classmethod
    def _known_tracking(cls, value: str | None) -> str | None:
        from common.tuning.tracking.names import parse_tracking

        return ",".join(parse_tracking(value)) or None
