"""Causal language modelling: foretell each next token of a text."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.nn import functional

from common.models.generator import Generator
from common.tuning.pretraining.objective import per_text
from common.tuning.task import TaskModule


class TextGenerator(Generator):
    """A generator that reads plain texts, without a chat template around them."""

    def _ids(self, conversation: Any) -> tuple[list[int], list[int]]:
        """No prompt: all of the text is learned, and its end."""
        read: Any = self.tokenizer(conversation, add_special_tokens=False)
        end = self.tokenizer.eos_token_id
        ids: Sequence[int] = read["input_ids"][: self.max_length - 1]
        return [], [*ids, *([] if end is None else [end])]


class NextTokenModule(TaskModule):
    """The network as it was pretrained."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.network = generator.network
        options = inspect.signature(generator.network.forward).parameters
        self._can_leave_out = "logits_to_keep" in options

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, completion_mask: Tensor
    ) -> dict[str, Tensor]:
        """[batch, tokens] each → `nll` and `tokens` of each text, and `loss`."""
        network: Any = self.network
        is_foretold = completion_mask[:, 1:].bool()
        # Behind a long prompt, a large vocabulary takes most of the memory: it is left out there.
        places = is_foretold.any(0).nonzero().squeeze(1)
        kept = {"logits_to_keep": places} if self._can_leave_out else {}
        logits = network(input_ids=input_ids, attention_mask=attention_mask, **kept).logits
        logits = logits if kept else logits[:, places]
        is_told = is_foretold[:, places]
        losses = functional.cross_entropy(
            logits[is_told].float(), input_ids[:, 1:][:, places][is_told], reduction="none"
        )
        return per_text(losses, is_foretold)
