"""Learned vectors before a text: at the embeddings (`prompt`), or in each layer (`prefix`)."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from common.errors import UserError


class _BeforeText(nn.Module, ABC):
    """Makes room for `tokens` learned vectors before a text.

    Its hooks stand around the network's base model, so that whatever stands above, pooling, heads
    or losses, sees the text's own tokens alone. The text keeps its positions, and is as long as
    before; the learned vectors all stand at the first position.
    """

    def __init__(self, base: Any, tokens: int) -> None:
        super().__init__()
        self.tokens = tokens
        self._names = list(inspect.signature(base.forward).parameters)
        # RoBERTa and its kin count positions from beyond the padding's.
        padding = getattr(getattr(base, "embeddings", None), "padding_idx", None)
        self._first_position = 0 if padding is None else padding + 1

    def before(self, base: Any, args: tuple[Any, ...], given: Mapping[str, Any]) -> Any:
        """What `base` is called with: the mask longer, the positions said, the vectors inserted."""
        named = dict(zip(self._names, args, strict=False)) | dict(given)
        ids = named["input_ids"]
        cache = named.get("past_key_values")
        seen = 0 if cache is None else cache.get_seq_length()
        mask = named.get("attention_mask")
        if mask is None:
            mask = ids.new_ones(len(ids), max(seen - self.tokens, 0) + ids.shape[1])
        named["attention_mask"] = torch.cat([mask.new_ones(len(ids), self.tokens), mask], dim=1)
        if named.get("position_ids") is None:
            first = self._first_position + max(seen - self.tokens, 0)
            positions = torch.arange(first, first + ids.shape[1], device=ids.device)
            named["position_ids"] = positions.expand(len(ids), -1)
        # Whatever goes on writing has them in its cache already.
        if not seen:
            self.insert(base, named)
        return (), named

    @abstractmethod
    def insert(self, base: Any, named: dict[str, Any]) -> None:
        """Put the learned vectors into what `base` is called with."""


class SoftPrompt(_BeforeText):
    """Vectors before those of the words: weight [tokens, width], which begins as random words."""

    def __init__(self, base: Any, tokens: int) -> None:
        super().__init__(base, tokens)
        words = base.get_input_embeddings().weight
        chosen = torch.randint(len(words), (tokens,), device=words.device)
        self.weight = nn.Parameter(words[chosen].detach().clone())

    def insert(self, base: Any, named: dict[str, Any]) -> None:
        """Words' vectors in place of their numbers, the learned ones before them."""
        ids = named.pop("input_ids")
        words = base.get_input_embeddings()(ids)
        learned = self.weight.to(words.dtype).expand(len(ids), -1, -1)
        named["inputs_embeds"] = torch.cat([learned, words], dim=1)
        first = torch.full_like(named["position_ids"][:, :1], self._first_position)
        named["position_ids"] = torch.cat(
            [first.expand(-1, self.tokens), named["position_ids"]], dim=1
        )
        if (types := named.get("token_type_ids")) is not None:
            named["token_type_ids"] = torch.cat(
                [types.new_zeros(len(ids), self.tokens), types], dim=1
            )

    def after(self, base: Any, args: tuple[Any, ...], named: Mapping[str, Any], found: Any) -> Any:
        """The outputs of the text's own tokens."""
        if named.get("inputs_embeds") is None:
            return found
        found.last_hidden_state = found.last_hidden_state[:, self.tokens :]
        if found.get("pooler_output") is not None:
            # Made from the first token, which is the text's.
            found.pooler_output = base.pooler(found.last_hidden_state)
        return found


class Prefix(_BeforeText):
    """Keys and values before those of the text: for each layer [2, heads, tokens, size]."""

    def __init__(self, base: Any, tokens: int) -> None:
        super().__init__(base, tokens)
        config = base.config
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        size = getattr(config, "head_dim", None)
        size = size or config.hidden_size // config.num_attention_heads
        # Named like the network's own layers, so that each learns at its layer's rate.
        shape = (2, heads, tokens, size)
        device = base.get_input_embeddings().weight.device
        self.layer = nn.ModuleList(
            _KeysAndValues(shape, device) for _ in range(config.num_hidden_layers)
        )

    def insert(self, base: Any, named: dict[str, Any]) -> None:
        """A cache that holds them already."""
        from transformers import DynamicCache

        cache = named.get("past_key_values")
        named["past_key_values"] = cache = DynamicCache() if cache is None else cache
        for number, layer in enumerate(self.layer):
            cache.update(*layer(len(named["input_ids"])), number)

    def after(self, base: Any, args: tuple[Any, ...], named: Mapping[str, Any], found: Any) -> Any:
        """Nobody who wanted no cache gets this one, and takes it for what was read."""
        if named.get("use_cache") is False and "past_key_values" in found:
            found.past_key_values = None
        return found


class _KeysAndValues(nn.Module):
    """[2, heads, tokens, size]."""

    def __init__(self, shape: tuple[int, ...], device: torch.device) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.02 * torch.randn(shape, device=device))

    def forward(self, texts: int) -> tuple[Tensor, Tensor]:
        """Keys and values for so many texts, [texts, heads, tokens, size] each."""
        keys, values = self.weight.unsqueeze(1).expand(-1, texts, -1, -1, -1)
        return keys, values


def add_soft_prompt(base: Any, tokens: int) -> None:
    """Prompt tuning (Lester et al. 2021, arXiv 2104.08691), in place; all else is frozen.

    Raises:
        UserError: the network does not take vectors instead of words.
    """
    _require(base, "prompt", {"inputs_embeds", "attention_mask", "position_ids"})
    base.requires_grad_(False)
    base.soft_prompt = SoftPrompt(base, tokens)
    base.register_forward_pre_hook(base.soft_prompt.before, with_kwargs=True)
    base.register_forward_hook(base.soft_prompt.after, with_kwargs=True)


def add_prefix(base: Any, tokens: int) -> None:
    """Prefix tuning (Li & Liang 2021, arXiv 2101.00190), in place; all else is frozen.

    On encoders it is P-tuning v2 (Liu et al. 2021, arXiv 2110.07602).

    Raises:
        UserError: the network takes no keys and values from before.
    """
    _require(base, "prefix", {"past_key_values", "attention_mask", "position_ids"})
    base.requires_grad_(False)
    base.prefix = Prefix(base, tokens)
    base.register_forward_pre_hook(base.prefix.before, with_kwargs=True)
    base.register_forward_hook(base.prefix.after, with_kwargs=True)


def _require(base: Any, strategy: str, wanted: set[str]) -> None:
    missing = wanted - set(inspect.signature(base.forward).parameters)
    if missing:
        raise UserError(
            f"strategy {strategy}: a {base.config.model_type} takes no {sorted(missing)[0]}",
            hint="Take lora.",
        )
