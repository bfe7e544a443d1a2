"""How training texts are changed each time they are read."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from common.errors import UserError


class AugmentationSettings(BaseModel):
    """Shares of the training texts, from 0 to 1, each for one kind of change."""

    model_config = ConfigDict(extra="forbid", frozen=True)

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
    counterfactual: float = Field(
        0.0, ge=0, le=1, description="share read with names, places … of the lists swapped"
    )
    counterfactual_lists: str | None = Field(
        None, description="TOML file of [lists] of words of which none must matter"
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

    @model_validator(mode="after")
    def _augmentation_makes_sense(self) -> Self:
        if bool(self.synonyms) != bool(self.glossary):
            raise UserError(
                "synonyms come from a glossary, and a glossary is for them: one is given alone",
                hint="Give both: --set glossary=words.toml --set synonyms=0.2",
            )
        if bool(self.counterfactual) != bool(self.counterfactual_lists):
            raise UserError(
                "counterfactual swaps words of counterfactual_lists: one is given alone",
                hint="Give both: --set counterfactual_lists=lists.toml --set counterfactual=0.5",
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
