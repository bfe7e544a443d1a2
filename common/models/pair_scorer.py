"""A pair scorer: two texts, read together, → one score; a cross-encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from common.models.loading import USUAL_LONGEST, longest_input, open_pretrained, save_network
from common.models.sources.bundled import Source
from common.models.symbols import SymbolSpeller

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Pair = tuple[str, str]
# What every version of sentence-transformers' CrossEncoder reads from the configuration.
IDENTITY = "torch.nn.modules.linear.Identity"


@dataclass(frozen=True)
class PairScorer:
    """A pretrained network with a head of one logit; untrained where the checkpoint has none.

    Attributes:
        max_length: of both texts together, in tokens; the longer one is cut off.
    """

    source: Source
    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    max_length: int = USUAL_LONGEST

    def tokenize(self, inputs: Sequence[Pair]) -> dict[str, Tensor]:
        """The tokenizer's tensors [pairs, longest], padded to the longest of them."""
        batch = self.tokenizer(
            *self._sides(inputs),
            padding=True,
            truncation="longest_first",
            max_length=self.max_length,
            return_tensors="pt",
        )
        # Which of the two texts a token belongs to, where the model asks for it.
        return {name: batch[name] for name in self.tokenizer.model_input_names if name in batch}

    def token_counts(self, inputs: Sequence[Pair]) -> list[int]:
        """Number of tokens of each pair, without padding."""
        encoded = self.tokenizer(
            *self._sides(inputs), truncation="longest_first", max_length=self.max_length
        )
        return [len(ids) for ids in encoded["input_ids"]]

    @cached_property
    def symbols(self) -> SymbolSpeller:
        """Spells out what the tokenizer lacks."""
        return SymbolSpeller(self.tokenizer)

    def _sides(self, pairs: Sequence[Pair]) -> tuple[list[str], list[str]]:
        spell = self.symbols.spell
        return [spell(first) for first, _ in pairs], [spell(second) for _, second in pairs]


def load_pair_scorer(source: Source, *, dropout: float | None = None, seed: int = 0) -> PairScorer:
    """Load network and tokenizer; any encoder's checkpoint gets a head that is not trained yet.

    Args:
        seed: of that head.

    Raises:
        UserError: the directory does not hold a model that transformers can load.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network, tokenizer = open_pretrained(
            "AutoModelForSequenceClassification", source.directory, dropout=dropout, num_labels=1
        )
    return PairScorer(source, network, tokenizer, longest_input(network, tokenizer))


def save_pair_scorer(scorer: PairScorer, directory: Path) -> None:
    """Write a directory that sentence-transformers' `CrossEncoder` opens; its scores are logits."""
    scorer.tokenizer.model_max_length = scorer.max_length
    scorer.network.config.sentence_transformers = {"activation_fn": IDENTITY}
    save_network(scorer.network, scorer.tokenizer, directory, base=scorer.source.name)
