"""An encoder: one text → one vector, as its own directory says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from common.models.loading import (
    USUAL_LONGEST,
    is_causal,
    longest_input,
    open_pretrained,
    save_network,
)
from common.models.sentence_modules import (
    Projection,
    read_modules,
    read_text_settings,
    write_modules,
)
from common.models.sources.bundled import Source
from common.models.sources.facts import write_prompts
from common.models.symbols import SymbolSpeller

if TYPE_CHECKING:
    from torch import Tensor, nn
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from common.models.adapting.known import Known
    from common.models.adapting.quantised import QuantisedBase
    from common.models.pooling import PooledEncoder


@dataclass(frozen=True)
class Encoder:
    """A pretrained encoder with its tokenizer and pooling, before any head.

    Attributes:
        pooling: modules after the network, as `read_modules` gives them.
        max_length: of a text, in tokens; what stands beyond is cut off.
        lower_case: the model was trained on lower case alone.
        known: what was read, and is not to be read again; None: nothing is kept.
    """

    source: Source
    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    pooling: Sequence[nn.Module] = ()
    max_length: int = USUAL_LONGEST
    lower_case: bool = False
    known: Known | None = None

    @property
    def dimension(self) -> int:
        """Size of a text's vector."""
        width = int(self.network.config.hidden_size)
        for module in self.pooling:
            width = getattr(module, "pooling_output_dimension", width)
            width = getattr(module, "out_features", width)
        return width

    def pooled(self) -> PooledEncoder:
        """The network with its pooling: texts' tokens → vectors."""
        from common.models.adapting.frozen_layers import PartlyFrozenPooling
        from common.models.adapting.frozen_pooling import FrozenPooling
        from common.models.pooling import PooledEncoder

        pooled = PooledEncoder(self.network, self.pooling, self._prompt_tokens())
        if self.known is None:
            return pooled
        if self.known.top_layers:
            pooled = PartlyFrozenPooling(pooled, self.known)
        return pooled if self.known.has_begun else FrozenPooling(pooled, self.known.vectors)

    @cached_property
    def symbols(self) -> SymbolSpeller:
        """Spells out what the tokenizer lacks."""
        return SymbolSpeller(self.tokenizer)

    def tokenize(self, inputs: Sequence[str]) -> dict[str, Tensor]:
        """Token ids and attention mask, both [texts, longest], padded to the longest of them."""
        batch = self.tokenizer(
            self.prepared(inputs),
            padding=True,
            truncation=True,
            max_length=self.max_length,
            return_tensors="pt",
        )
        return {name: batch[name] for name in ("input_ids", "attention_mask")}

    def prepared(self, texts: Sequence[str]) -> list[str]:
        """The texts as the tokenizer gets them: with what it lacks spelled out, and the prefix."""
        prepared = [self.source.query_prefix + self.symbols.spell(text) for text in texts]
        return [text.lower() for text in prepared] if self.lower_case else prepared

    def token_counts(self, inputs: Sequence[str]) -> list[int]:
        """Number of tokens of each text, without padding."""
        encoded = self.tokenizer(self.prepared(inputs), truncation=True, max_length=self.max_length)
        return [len(ids) for ids in encoded["input_ids"]]

    def _prompt_tokens(self) -> int:
        if not self.source.query_prefix:
            return 0
        ids = self.tokenizer(self.source.query_prefix)["input_ids"]
        return len(ids) - (ids[-1] in self.tokenizer.all_special_ids)


def load_encoder(
    source: Source,
    *,
    dropout: float | None = None,
    projected: bool = True,
    known: Known | None = None,
    quantised: QuantisedBase | None = None,
) -> Encoder:
    """Load network, tokenizer and pooling.

    Args:
        projected: whether the projection that a task learned is part of the pooling.
        known: where what is read is kept, so that no text need be read twice.
        quantised: how the linear layers of a causal model are held.

    Raises:
        UserError: the directory does not hold an encoder that can be read.
    """
    network, tokenizer = open_pretrained(
        "AutoModel", source.directory, dropout=dropout, quantised=quantised
    )
    pooling = read_modules(
        source.directory,
        width=int(network.config.hidden_size),
        is_causal=is_causal(network.config),
        projected=projected,
    )
    stated, lower_case = read_text_settings(source.directory)
    longest = longest_input(network, tokenizer, stated)
    return Encoder(source, network, tokenizer, pooling, longest, lower_case, known)


def save_encoder(encoder: Encoder, directory: Path, projection: Projection | None = None) -> None:
    """Write network, tokenizer, pooling and prompts as a sentence-transformers directory.

    Args:
        projection: what the task learned on top; whoever opens the directory gets vectors with it.
    """
    save_network(encoder.network, encoder.tokenizer, directory, base=encoder.source.name)
    write_modules(
        directory,
        [*encoder.pooling],
        width=int(encoder.network.config.hidden_size),
        max_length=encoder.max_length,
        lower_case=encoder.lower_case,
        projection=projection,
    )
    source = encoder.source
    write_prompts(directory, source.query_prefix, source.passage_prefix, default=True)
