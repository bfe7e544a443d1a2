"""A generator: a conversation → what comes next; a causal model with its chat template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from common.errors import UserError
from common.models.loading import is_causal, longest_input, open_pretrained, save_network
from common.models.sources.bundled import Source

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from common.models.adapting.quantised import QuantisedBase

LONGEST = 2048
# For a model that was trained on plain text alone.
PLAIN_TEMPLATE = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)


class Message(TypedDict):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


Conversation = Sequence[Message]


@dataclass(frozen=True)
class Generator:
    """A pretrained causal model; what it learns is the last turn, where that is the assistant's.

    Attributes:
        max_length: of a conversation, in tokens; its beginning is cut off.
    """

    source: Source
    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    max_length: int = LONGEST

    def tokenize(self, inputs: Sequence[Conversation]) -> dict[str, Tensor]:
        """`input_ids`, `attention_mask` and `completion_mask` [conversations, longest].

        `completion_mask` is 1 for the tokens of the assistant's last turn and the end after it.
        """
        import torch
        from torch.nn.utils.rnn import pad_sequence

        rows = [self._ids(conversation) for conversation in inputs]
        padding = self.tokenizer.pad_token_id
        ids = [torch.tensor(prompt + completion) for prompt, completion in rows]
        completions = [
            torch.tensor([0] * len(prompt) + [1] * len(completion)) for prompt, completion in rows
        ]
        return {
            "input_ids": pad_sequence(ids, batch_first=True, padding_value=padding),
            "attention_mask": pad_sequence([torch.ones_like(row) for row in ids], True),
            "completion_mask": pad_sequence(completions, batch_first=True),
        }

    def token_counts(self, inputs: Sequence[Conversation]) -> list[int]:
        """Number of tokens of each conversation, without padding."""
        return [len(prompt) + len(completion) for prompt, completion in map(self._ids, inputs)]

    def generate(
        self, inputs: Sequence[Conversation], *, max_new_tokens: int = 256, **options: Any
    ) -> list[str]:
        """What the model says next in each conversation, greedily unless `options` say otherwise.

        Args:
            options: of transformers' `generate`.
        """
        import torch

        network: Any = self.network
        prompts = [self._prompt(conversation) for conversation in inputs]
        kept = [ids[-(self.max_length - max_new_tokens) :] for ids in prompts]
        # Padded on the left here: what is written goes on from the last token.
        batch: Any = self.tokenizer.pad(
            {"input_ids": kept}, padding_side="left", return_tensors="pt"
        ).to(network.device)
        with torch.inference_mode():
            found = network.generate(
                **batch,
                max_new_tokens=max_new_tokens,
                pad_token_id=self.tokenizer.pad_token_id,
                **{"do_sample": False, **options},
            )
        longest = batch["input_ids"].shape[1]
        texts = self.tokenizer.batch_decode(found[:, longest:], skip_special_tokens=True)
        return [text.strip() for text in texts]

    def _ids(self, conversation: Conversation) -> tuple[list[int], list[int]]:
        """Tokens of the prompt, and of the completion that is learned; together not too long."""
        *before, last = conversation
        if last["role"] != "assistant":
            return self._prompt(conversation)[-self.max_length :], []
        prompt, whole = self._prompt(before), self._render(conversation, is_open=False)
        # A tokenizer may join what stands at the seam: then each side is read by itself.
        if whole[: len(prompt)] == prompt:
            completion = whole[len(prompt) :]
        else:
            said: Any = self.tokenizer(last["content"], add_special_tokens=False)
            completion = list(said["input_ids"])
        end = self.tokenizer.eos_token_id
        if end is not None and end not in completion:
            completion = [*completion, end]
        completion = completion[: self.max_length - 1]
        return prompt[-(self.max_length - len(completion)) :], completion

    def _prompt(self, conversation: Conversation) -> list[int]:
        return self._render(conversation, is_open=True)

    def _render(self, conversation: Conversation, *, is_open: bool) -> list[int]:
        turns: list[Any] = list(conversation)
        ids: Any = self.tokenizer.apply_chat_template(
            turns, add_generation_prompt=is_open, tokenize=True, return_dict=False
        )
        return list(ids)


def load_generator(
    source: Source, *, dropout: float | None = None, quantised: QuantisedBase | None = None
) -> Generator:
    """Load network and tokenizer; a model without a chat template gets a plain one.

    Raises:
        UserError: the directory does not hold a causal model that transformers can load.
    """
    network, tokenizer = open_pretrained(
        "AutoModelForCausalLM", source.directory, dropout=dropout, quantised=quantised
    )
    if not is_causal(network.config):
        raise UserError(
            "not a causal model: it cannot write",
            where=str(source.directory),
            hint="Take one like smollm2.",
        )
    if tokenizer.chat_template is None:
        tokenizer.chat_template = PLAIN_TEMPLATE
    stated = min(LONGEST, tokenizer.model_max_length)
    return Generator(source, network, tokenizer, longest_input(network, tokenizer, stated))


def save_generator(generator: Generator, directory: Path) -> None:
    """Write a directory that `AutoModelForCausalLM` opens, with tokenizer and chat template."""
    save_network(generator.network, generator.tokenizer, directory, base=generator.source.name)
