"""What is sent to be read says something."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from apps.customer_service.answers.server import EmbeddingsRequest, RetrieveRequest
from apps.customer_service.schema import AnswerRequest

INVISIBLE = "\u200b\ufeff"


@pytest.mark.parametrize(
    ("body", "given"),
    [
        (AnswerRequest, {"question": INVISIBLE}),
        (RetrieveRequest, {"question": INVISIBLE}),
        (EmbeddingsRequest, {"input": INVISIBLE}),
        (EmbeddingsRequest, {"input": ["card", INVISIBLE]}),
    ],
)
def test_a_text_of_which_nothing_is_left_is_refused(
    body: type[BaseModel], given: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError, match="characters that are not seen"):
        body.model_validate(given)


def test_an_invisible_character_beside_others_is_none() -> None:
    assert AnswerRequest(question="卡丢了\u200b").question == "卡丢了\u200b"
