"""How to fine-tune: every choice in one place, checked before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, ModelWrapValidatorHandler, field_validator, model_validator

from common.errors import UserError
from common.tuning.adapting.settings import AdaptingSettings
from common.tuning.augmentation.settings import AugmentationSettings
from common.tuning.computing.settings import ComputingSettings
from common.tuning.continual.settings import ContinualSettings
from common.tuning.distillation.settings import DistillationSettings
from common.tuning.label_names import FEW_TEXTS
from common.tuning.privacy.settings import PrivacySettings
from common.tuning.regularising.settings import RegularisingSettings

# What is added starts at nothing, and takes higher rates than what was pretrained.
RATES: Mapping[str, float] = {
    "lora": 1e-3,
    "adalora": 2e-3,
    "ia3": 1e-2,
    "adapter": 1e-3,
    "prompt": 1e-2,
    "prefix": 1e-2,
}
# What all that draws takes, with room for the further seeds of an ensemble or a search.
MOST_SEED = 2**31 - 1


class Settings(
    ComputingSettings,
    PrivacySettings,
    ContinualSettings,
    DistillationSettings,
    AugmentationSettings,
    RegularisingSettings,
    AdaptingSettings,
):
    """Settings of one fine-tuning run. Rates are per optimizer step, shares from 0 to 1.

    Those of a family of techniques stand beside it, in its own `settings.py`.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    epochs: int = Field(5, ge=1, description="how often each text is learned")
    batch_size: int = Field(32, ge=2, description="records per process and forward pass")
    accumulation: int = Field(1, ge=1, description="forward passes per optimizer step")
    optimizer: Literal["adamw", "sgd", "adafactor"] = Field(
        "adamw", description="adamw, sgd, or adafactor: less memory"
    )
    learning_rate: float = Field(
        1e-4,
        gt=0,
        description="of the encoder; none: what suits the strategy, see the documentation",
    )
    head_learning_rate: float | None = Field(
        1e-3, gt=0, description="of the heads; none: the encoder's"
    )
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="factor of the rate per layer, from the top down"
    )
    schedule: Literal["linear", "cosine", "constant_with_warmup"] = Field(
        "linear",
        description="how the rate falls after its warmup: linear, cosine, or constant_with_warmup: "
        "it stays",
    )
    warmup: float = Field(0.1, ge=0, lt=1, description="share of all steps in which the rate rises")
    weight_decay: float = Field(0.01, ge=0, description="pull of the weights towards 0")
    dropout: float | None = Field(
        None, ge=0, lt=1, description="share of units left out; none: as the model was pretrained"
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="share of a label that is spread over the others"
    )
    focal: float = Field(
        0.0, ge=0, description="exponent of the focal loss of classes; 0: cross-entropy"
    )
    class_weights: Literal["balanced", "effective"] | None = Field(
        None,
        description="rare classes count more; balanced: by as much as they are rarer, effective: "
        "by less",
    )
    logit_adjustment: float = Field(
        0.0, ge=0, description="how much of how usual a class is (τ) is not to be learned; 0: none"
    )
    gradient_clipping: float = Field(1.0, ge=0, description="largest gradient norm; 0: none")
    monitor: str | None = Field(
        None, description="figure that chooses the best evaluation; none: the task's usual one"
    )
    evaluate_every: int = Field(
        0, ge=0, description="steps between evaluations, beside one an epoch; 0: epochs alone"
    )
    patience: int = Field(3, ge=0, description="evaluations without gain before stopping; 0: never")
    pseudo_label_confidence: float = Field(
        0.9, gt=0, le=1, description="least probability of a label that `--unlabelled` texts get"
    )
    label_names: bool | Literal["auto"] = Field(
        False,
        description="the name of a label, where it is words, is one more text of it; auto: of "
        f"labels with {FEW_TEXTS} texts or fewer",
    )
    pair_weight: float = Field(
        1.0, ge=0, description="weight of which text of a pair has which label; 0: none"
    )
    contrastive_epochs: int = Field(
        0, ge=0, description="epochs over pairs of texts before the heads are fitted; 0: none"
    )
    contrastive_pairs: int = Field(
        5, ge=1, description="pairs of one class, and of two, that each text has in such an epoch"
    )
    group_by_length: bool = Field(
        True, description="texts of like length in one batch: little to pad, so faster"
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="auto, fp32, bf16 or fp16; auto: bf16 where the machine has it"
    )
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps …")
    seed: int = Field(0, ge=0, le=MOST_SEED, description="the same seed repeats a run exactly")
    tracking: str | None = Field(
        "tensorboard",
        description="where curves go: tensorboard, json, wandb, mlflow, several by comma, or none",
    )

    @model_validator(mode="wrap")
    @classmethod
    def _rate_of_the_strategy(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """A rate that nobody chose is the strategy's, and is not among `model_fields_set`."""
        if not isinstance(values, dict) or values.get("learning_rate") is not None:
            return handler(values)
        rate = RATES.get(str(values.get("strategy")))
        rest = {name: value for name, value in values.items() if name != "learning_rate"}
        made = handler(rest if rate is None else {**rest, "learning_rate": rate})
        made.model_fields_set.discard("learning_rate")
        return made

    @model_validator(mode="after")
    def _learning_makes_sense(self) -> Self:
        if self.class_weights and self.logit_adjustment:
            raise UserError(
                "class_weights and logit_adjustment would make up for the same thing twice",
                hint="Take one of them.",
            )
        adapter = self.adapter if self.seeds > 1 and self.ensemble == "weights" else None
        stays = self.keep_adapter or self.quantised_base is not None
        if adapter and (stays or not adapter.is_foldable):
            raise UserError(
                f"ensemble=weights takes the mean of whole weights, and what strategy="
                f"{self.strategy} adds stays beside them",
                hint="Take --set ensemble=probabilities, or lora without keep_adapter and "
                "quantised_base.",
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
        if "ewc" in self.mechanisms and self.adapter is not None:
            raise UserError(
                f"continual=ewc holds pretrained weights, and strategy={self.strategy} does not "
                "move them",
                hint="Take replay or distillation, or full, top-layers:N or head.",
            )
        if "ewc" in self.mechanisms and self.sharded:
            raise UserError(
                "sharded and continual=ewc do not go together: the penalty is on whole weights, of "
                "which each process has a part",
                hint="Take replay or distillation, or leave sharded out.",
            )
        return self

    def but(self, usual: Mapping[str, Any] | None = None, /, **others: Any) -> Self:
        """These settings with others among them, checked together.

        A rate that nobody chose, here or there, is the one of the strategy that others name.

        Args:
            usual: an application's own defaults, of which the rate is taken where the strategy has
                none.

        Raises:
            UserError: they do not go together.
            ValidationError: a value that cannot be.
        """
        values = {**self.model_dump(), **others}
        chosen = {*self.model_fields_set, *others}
        is_own_rate = RATES.get(values["strategy"]) == RATES.get(self.strategy)
        if "learning_rate" not in chosen and not is_own_rate:
            own = (usual or {}).get("learning_rate")
            values["learning_rate"] = RATES.get(values["strategy"], own)
        made = type(self)(**values)
        made.model_fields_set.intersection_update(chosen)
        return made

    @property
    def keeps_encoder(self) -> bool:
        """Whether no stage of a training changes the encoder."""
        return self.strategy == "head" and not self.contrastive_epochs

    @property
    def share_of_pretrained(self) -> float:
        """`pretrained_share` where pretrained weights move, else 0."""
        is_moved = self.adapter is None and self.strategy != "head"
        return (self.pretrained_share or 0.0) if is_moved else 0.0

    @property
    def distils_ensemble(self) -> bool:
        """Whether several runs teach a last one."""
        return self.seeds > 1 and self.ensemble == "probabilities"

    @field_validator("tracking")
    @classmethod
    def _known_tracking(cls, value: str | None) -> str | None:
        from common.tuning.tracking.names import parse_tracking

        return ",".join(parse_tracking(value)) or None
