"""One vector of a text as it concerns the company in braces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from apps.finance_monitor.targets.pointing import CLOSING, OPENING
from common.models.pooling import PooledEncoder

if TYPE_CHECKING:
    from common.models.encoder import Encoder


class TargetPooling(PooledEncoder):
    """The mean of the text's vector and of that of its tokens in braces.

    What an encoder makes of an entity's own tokens tells more of it than the whole text does
    (Baldini Soares et al. 2019, arXiv 1906.03158). A text without braces is pooled as ever.

    Args:
        opening, closing: the ids of the tokens that hold a brace.
    """

    opening: Tensor
    closing: Tensor

    def __init__(self, pooled: PooledEncoder, opening: list[int], closing: list[int]) -> None:
        super().__init__(pooled.encoder, [*pooled.pooling], pooled.prompt_tokens)
        self.register_buffer("opening", torch.tensor(opening, dtype=torch.long), persistent=False)
        self.register_buffer("closing", torch.tensor(closing, dtype=torch.long), persistent=False)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """[batch, tokens] twice → [batch, width] in float32."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        opens = _is_one_of(input_ids, self.opening)
        closes = _is_one_of(input_ids, self.closing)
        # A closing brace still belongs to what it closes.
        depth = opens.cumsum(1) - closes.cumsum(1) + closes
        inside = (depth > 0).long() * attention_mask
        inside = torch.where(inside.sum(1, keepdim=True) > 0, inside, attention_mask)
        return (self.pool(hidden, attention_mask) + self.pool(hidden, inside)) / 2


def target_pooling(encoder: Encoder) -> TargetPooling:
    """The pooling of `encoder` that looks at what is in braces."""
    vocabulary = encoder.tokenizer.get_vocab()
    # A tokenizer may have further tokens with a brace in them.
    opening, closing = (
        sorted(number for token, number in vocabulary.items() if brace in token)
        for brace in (OPENING, CLOSING)
    )
    return TargetPooling(encoder.pooled(), opening, closing)


def _is_one_of(ids: Tensor, wanted: Tensor) -> Tensor:
    return (ids[..., None] == wanted).any(-1).long()
