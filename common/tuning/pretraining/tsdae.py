"""TSDAE: a text that lost most of its tokens → one vector → the whole text again."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from common.errors import UserError
from common.models.encoder import Encoder
from common.tuning.pretraining.objective import generator_for, per_text
from common.tuning.task import EncoderModule

# Share of the tokens that are deleted; the best of those that the paper tried.
DELETED = 0.6
# Architectures of transformers that decode with cross-attention to what another one encoded.
FAMILIES = ("bert", "roberta", "xlm-roberta")


class DenoisingModule(EncoderModule):
    """Encoder and decoder, which share all weights that both have (Wang et al. 2021, 2104.06979).

    The decoder sees the encoder's vector alone, through a cross-attention that is its own.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.pooled = encoder.pooled()
        self.decoder = tied_decoder(encoder.network)
        self.special = torch.tensor(encoder.tokenizer.all_special_ids)
        self.padding = int(encoder.tokenizer.pad_token_id)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        """[batch, tokens] twice → `nll` and `tokens` of each text, and `loss`."""
        damaged, mask = delete_tokens(
            input_ids, attention_mask, self.special, self.padding, is_training=self.training
        )
        vectors = self.pooled(damaged, mask)
        found = self.decoder(
            input_ids=input_ids,
            attention_mask=attention_mask,
            encoder_hidden_states=vectors[:, None, :],
            use_cache=False,
        )
        is_foretold = attention_mask[:, 1:].bool()
        losses = functional.cross_entropy(
            found.logits[:, :-1][is_foretold].float(), input_ids[:, 1:][is_foretold],
            reduction="none",
        )  # fmt: skip
        return per_text(losses, is_foretold)


def delete_tokens(
    input_ids: Tensor,
    attention_mask: Tensor,
    special: Tensor,
    padding: int,
    *,
    is_training: bool,
) -> tuple[Tensor, Tensor]:
    """What is left of each text, and its attention mask; both [batch, longest that is left].

    Tokens and not words, for Chinese writes no spaces; one at least is left.

    Args:
        special: tokens that stay.
    """
    ids, real = input_ids.cpu(), attention_mask.cpu().bool()
    chance = torch.rand(ids.shape, generator=generator_for(is_training=is_training))
    is_special = torch.isin(ids, special)
    # The likeliest one to stay does so in any case.
    best = chance.masked_fill(is_special | ~real, -1.0).argmax(1)
    kept = (chance >= DELETED) | is_special
    kept[torch.arange(len(ids)), best] = True
    rows = [row[stays] for row, stays in zip(ids, kept & real, strict=True)]
    left = pad_sequence(rows, batch_first=True, padding_value=padding)
    mask = pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
    return left.to(input_ids.device), mask.to(input_ids.device)


def tied_decoder(network: Any) -> Any:
    """A language model with cross-attention, whose other weights are those of `network`.

    Raises:
        UserError: the architecture has none.
    """
    from transformers import AutoModelForCausalLM

    if network.config.model_type not in FAMILIES:
        raise UserError(
            f"tsdae: an encoder of the kind {network.config.model_type!r} cannot decode",
            hint=f"These can: {', '.join(FAMILIES)}. Others: --method mlm or simcse.",
        )
    config = copy.deepcopy(network.config)
    config.is_decoder = config.add_cross_attention = True
    decoder: Any = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    for name, parameter in network.named_parameters():
        place, _, last = name.rpartition(".")
        setattr(decoder.base_model.get_submodule(place), last, parameter)
    decoder.get_output_embeddings().weight = network.get_input_embeddings().weight
    return decoder


def make_denoising(encoder: Encoder) -> DenoisingModule:
    """Encoder and decoder.

    Raises:
        UserError: the architecture cannot decode, or a text's vector is of another width.
    """
    width = int(encoder.network.config.hidden_size)
    if encoder.dimension != width:
        raise UserError(
            f"tsdae: a vector has {encoder.dimension} numbers, but the decoder reads {width}",
            hint="Take --method mlm or simcse.",
        )
    return DenoisingModule(encoder)
