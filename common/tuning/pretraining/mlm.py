"""Masked language modelling: foretell the tokens that were covered up."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerBase

from common.errors import UserError
from common.models.encoder import Encoder
from common.models.loading import is_causal
from common.tuning.pretraining.objective import generator_for, per_text
from common.tuning.task import EncoderModule

# What the collator calls a token that is not foretold.
NOT_FORETOLD = -100


class MaskedLanguageModule(EncoderModule):
    """BERT's head (Devlin et al. 2019, arXiv 1810.04805): a transform, then the word embeddings.

    The output is tied to the word embeddings, which most encoders' files have no head beside.
    Of 15 % of the tokens 80 % are masked, 10 % another token and 10 % left as they are.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.pooled = encoder.pooled()
        rows, width = self._words.shape
        self.transform = nn.Linear(int(encoder.network.config.hidden_size), width)
        # Starts as the identity, so that what the encoder knows of words is heard at once.
        nn.init.eye_(self.transform.weight)
        nn.init.zeros_(self.transform.bias)
        self.norm = nn.LayerNorm(width)
        self.bias = nn.Parameter(torch.zeros(rows))
        self.tokenizer = encoder.tokenizer

    @property
    def _words(self) -> Tensor:
        embeddings: Any = self.network.get_input_embeddings()
        weight: Tensor = embeddings.weight
        return weight

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        """[batch, tokens] twice → `nll` and `tokens` of each text, and `loss`."""
        masked, labels = mask_tokens(input_ids, self.tokenizer, is_training=self.training)
        network: Any = self.network
        found = network(input_ids=masked, attention_mask=attention_mask)
        is_foretold = labels != NOT_FORETOLD
        hidden = self.norm(functional.gelu(self.transform(found.last_hidden_state[is_foretold])))
        logits = functional.linear(hidden, self._words, self.bias).float()
        losses = functional.cross_entropy(logits, labels[is_foretold], reduction="none")
        return per_text(losses, is_foretold)


def mask_tokens(
    input_ids: Tensor, tokenizer: PreTrainedTokenizerBase, *, is_training: bool
) -> tuple[Tensor, Tensor]:
    """Tokens with some of them masked, and what stood there; both [batch, tokens]."""
    collator = DataCollatorForLanguageModeling(tokenizer)
    collator.generator = generator_for(is_training=is_training)
    masked, labels = collator.torch_mask_tokens(input_ids.cpu().clone())
    return masked.to(input_ids.device), labels.to(input_ids.device)


def make_masked(encoder: Encoder) -> MaskedLanguageModule:
    """The head on an encoder.

    Raises:
        UserError: its tokenizer has no mask, or it reads from left to right.
    """
    if is_causal(encoder.network.config):
        raise UserError(
            "mlm: the backbone reads from left to right: it has never seen a mask",
            hint="Take --method clm.",
        )
    if encoder.tokenizer.mask_token is None:
        raise UserError("mlm: the tokenizer has no mask", hint="Take --method simcse.")
    return MaskedLanguageModule(encoder)
