"""How to fine-tune: every choice in one place, checked before anything is loaded."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Settings(BaseModel):
    """Settings of one fine-tuning run. Rates are per optimizer step, shares from 0 to 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    strategy: str = Field("full", description="full, head, lora or top-layers:N")
    epochs: int = Field(5, ge=1)
    batch_size: int = Field(32, ge=2, description="records per process and forward pass")
    accumulation: int = Field(1, ge=1, description="forward passes per optimizer step")
    optimizer: Literal["adamw", "sgd", "adafactor"] = "adamw"
    learning_rate: float = Field(1e-4, gt=0)
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
    lora_rank: int = Field(16, ge=1)
    lora_alpha: int = Field(32, ge=1)
    lora_dropout: float = Field(0.05, ge=0, lt=1)
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    device: str = "auto"
    seed: int = 0

    @field_validator("strategy")
    @classmethod
    def _known_strategy(cls, value: str) -> str:
        from common.models.freezing import parse_strategy

        parse_strategy(value)
        return value
