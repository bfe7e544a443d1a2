"""What people say of an answer over HTTP, and what they are told."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from apps.customer_service.schema import LONGEST_ANSWER, LONGEST_QUESTION
from common.records.fields import Text


class FeedbackRequest(BaseModel):
    """Body of `POST /v1/feedback`: a verdict, or the right answer."""

    model_config = ConfigDict(extra="forbid")

    answer_id: str = Field(max_length=64, description="The `id` of the answer.")
    verdict: Literal["good", "bad"] | None = None
    faq_id: str | None = Field(None, max_length=200, description="The FAQ that answers it.")
    answer: Text | None = Field(
        None, max_length=LONGEST_ANSWER, description="The right answer where no FAQ has it."
    )
    question: Text | None = Field(
        None,
        max_length=LONGEST_QUESTION,
        description="Needed where the answer is not kept any more.",
    )
    user: str | None = Field(None, max_length=200, description="Who says it, as you name them.")

    @model_validator(mode="after")
    def _one_thing(self) -> FeedbackRequest:
        said = [self.verdict, self.faq_id, self.answer]
        if sum(one is not None for one in said) != 1:
            raise ValueError("give exactly one of verdict, faq_id and answer")
        return self


class FeedbackReceipt(BaseModel):
    """Reply of `POST /v1/feedback`.

    `counts_alone`: no second source is needed. `learning`: it is being learned now. `live`: it is
    answered so already.
    """

    id: str
    counts_alone: bool
    learning: bool
    live: bool = False
