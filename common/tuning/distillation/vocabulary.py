"""A vocabulary cut down to what texts are made of.

Of the 118 million parameters of `e5-small` 96 million are word embeddings of a hundred languages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import PreTrainedTokenizerFast

from common.console import progress
from common.errors import UserError
from common.models.encoder import Encoder

BYTE = re.compile("<0x[0-9A-F]{2}>")
SPECIAL_IDS = ("pad", "bos", "eos", "sep", "cls", "mask")


def trim_vocabulary(encoder: Encoder, texts: Sequence[str]) -> Encoder:
    """Leave out the pieces that stand nowhere in `texts`; the network is changed in place.

    Each of `texts` is read as before: pieces keep their scores, and what a tokenizer chose among
    all of them it chooses among fewer. Any other text is put together from smaller pieces where
    its own are gone. Every character that was known stays known.

    Raises:
        UserError: the tokenizer is neither Unigram nor WordPiece.
    """
    tokenizer: Any = encoder.tokenizer
    state: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
    pieces = _pieces(state["model"], encoder.source.name)
    # Items and answers are read with the other prefix.
    read = [*encoder.prepared(texts), encoder.source.passage_prefix]
    kept = _used(tokenizer.backend_tokenizer, pieces, state["model"], read)
    kept |= {number for piece, number in pieces.items() if _is_character(piece, state["model"])}
    kept |= {token["id"] for token in state["added_tokens"]}
    # Positions are counted from the padding's number in some families: it must stay.
    kept |= set(range(tokenizer.pad_token_id + 1))
    numbers = {old: new for new, old in enumerate(sorted(kept))}
    _renumber(state, numbers)
    _cut(encoder.network, numbers)
    cut = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=Tokenizer.from_str(json.dumps(state)),
        model_max_length=tokenizer.model_max_length,
        padding_side=tokenizer.padding_side,
        model_input_names=tokenizer.model_input_names,
        **tokenizer.special_tokens_map,
    )
    return replace(encoder, tokenizer=cut)


def read_alike(before: Encoder, after: Encoder, texts: Sequence[str]) -> float:
    """Share of `texts` that both read as the same pieces, from 0 to 1."""
    pieces = [
        [one.tokenizer.tokenize(text) for text in one.prepared(texts)] for one in (before, after)
    ]
    return [a == b for a, b in zip(*pieces, strict=True)].count(True) / max(1, len(texts))


def _pieces(model: Mapping[str, Any], name: str) -> dict[str, int]:
    """Pieces and their numbers."""
    if model["type"] == "Unigram":
        return {piece: number for number, (piece, _) in enumerate(model["vocab"])}
    if model["type"] == "WordPiece":
        return dict(model["vocab"])
    raise UserError(
        f"--trim-vocabulary: the tokenizer of {name} is of the kind {model['type']}",
        hint="Unigram (e5-small and its kin) and WordPiece (minilm and its kin) can be cut.",
    )


def _is_character(piece: str, model: Mapping[str, Any]) -> bool:
    """One character, or one byte of a character that has no piece."""
    own = piece.removeprefix(model.get("continuing_subword_prefix", ""))
    return len(own) == 1 or BYTE.fullmatch(own) is not None


def _used(
    backend: Any, pieces: Mapping[str, int], model: Mapping[str, Any], texts: Sequence[str]
) -> set[int]:
    """Numbers of all pieces that stand anywhere in the words of `texts`."""
    words: set[str] = set()
    found: set[int] = set()
    longest = max(map(len, pieces))
    with progress("Looking for the tokens of the texts", len(texts)) as advance:
        for text in texts:
            normal = backend.normalizer.normalize_str(text) if backend.normalizer else text
            split = backend.pre_tokenizer.pre_tokenize_str(normal) if backend.pre_tokenizer else ()
            for word in {word for word, _ in split or [(normal, ())]} - words:
                words.add(word)
                found.update(_pieces_within(word, pieces, longest, model))
            advance()
    if model["type"] == "Unigram":
        # What is unknown is scored by the least of all scores.
        found.add(min(range(len(model["vocab"])), key=lambda n: model["vocab"][n][1]))
    return found


def _pieces_within(
    word: str, pieces: Mapping[str, int], longest: int, model: Mapping[str, Any]
) -> Iterator[int]:
    within = model.get("continuing_subword_prefix", "")
    for start in range(len(word)):
        for end in range(start + 1, min(len(word), start + longest) + 1):
            number = pieces.get((within if start else "") + word[start:end])
            if number is not None:
                yield number


def _renumber(state: dict[str, Any], numbers: Mapping[int, int]) -> None:
    """Cut a tokenizer's description, and give what is left its new number."""
    model = state["model"]
    if model["type"] == "Unigram":
        model["vocab"] = [entry for n, entry in enumerate(model["vocab"]) if n in numbers]
        model["unk_id"] = numbers[model["unk_id"]]
    else:
        model["vocab"] = {p: numbers[n] for p, n in model["vocab"].items() if n in numbers}
    for token in state["added_tokens"]:
        token["id"] = numbers[token["id"]]
    state["padding"] = state["truncation"] = None
    processor = state["post_processor"] or {}
    for part in processor.get("processors", [processor]):
        for special in part.get("special_tokens", {}).values():
            special["ids"] = [numbers[n] for n in special["ids"]]
        # Of BERT's and RoBERTa's: a token and its number.
        for role in {"sep", "cls"} & part.keys():
            part[role][1] = numbers[part[role][1]]


def _cut(network: Any, numbers: Mapping[int, int]) -> None:
    """Leave out the embeddings of the pieces that are gone."""
    words = network.get_input_embeddings()
    rows = words.weight.detach()[torch.tensor(list(numbers), device=words.weight.device)]
    cut = nn.Embedding(*rows.shape)
    cut.padding_idx, cut.weight = words.padding_idx, nn.Parameter(rows)
    network.set_input_embeddings(cut)
    config = network.config
    config.vocab_size = len(numbers)
    for role in SPECIAL_IDS:
        old = getattr(config, f"{role}_token_id", None)
        if old is not None:
            setattr(config, f"{role}_token_id", numbers[old])
