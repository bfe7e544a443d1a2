"""Which words of a text move a score: integrated gradients, or words left out one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from common.console import say
from common.errors import UserError
from common.evaluation.explanation.words import Word, weighed, without, words_of
from common.finite import require_finite

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from common.models.encoder import Encoder
    from common.models.pooling import PooledEncoder

Method = Literal["gradients", "occlusion"]
INSTALL = "pip install 'bizlm[explain]'"
# Points between the empty text and the text, at which the gradient is taken.
STEPS = 32
# Interpolated texts in one pass: what a long text takes in memory is bounded.
STEPS_AT_ONCE = 16
# Each part left out is a text to read; of a longer text, neighbouring words are left out together.
MOST_PARTS = 96


@dataclass(frozen=True)
class Attribution:
    """The words that moved a score.

    Attributes:
        towards: what the score speaks for.
        score: of the whole text, in `unit`.
        unit: of `score` and the weights: `log odds`, or `cosine`.
        words: in their order in the text.
    """

    towards: str
    score: float
    unit: str
    method: Method
    words: list[Word]

    def strongest(self, count: int) -> list[Word]:
        """The words of the largest weights, whichever way they go."""
        return sorted(self.words, key=lambda word: -abs(word.weight))[:count]


def pick_method(asked: Method | None) -> Method:
    """The method that is asked for; None: gradients where captum is installed, else occlusion.

    Raises:
        UserError: gradients are asked for, and captum is not installed.
    """
    if asked == "occlusion" or find_spec("captum") is not None:
        return asked or "gradients"
    if asked == "gradients":
        raise UserError("--method gradients needs the package captum", hint=INSTALL)
    say(f"captum is not installed: words are left out one after the other instead ({INSTALL}).")
    return "occlusion"


def integrated_gradients(
    encoder: Encoder,
    pooled: PooledEncoder,
    text: str,
    read: str,
    score: Callable[[Tensor], Tensor],
) -> list[Word]:
    """The words of `text` by integrated gradients (Sundararajan et al. 2017, arXiv 1703.01365).

    The gradient of the score goes along the straight line from an empty text, padding between the
    same special tokens, to the text. What the words have adds up to the score less that of the
    empty text, but for what prompt and punctuation have. The model is not touched: other threads
    may use it meanwhile.

    Args:
        read: what the encoder is given of `text`.
        score: pooled vectors [batch, width] → [batch].
    """
    import torch
    from captum.attr import IntegratedGradients

    device = next(pooled.parameters()).device
    tokens = encoder.tokenize([read])
    ids, mask = tokens["input_ids"].to(device), tokens["attention_mask"].to(device)
    special = torch.isin(ids, torch.tensor(encoder.tokenizer.all_special_ids, device=device))
    # Where nothing is padded with, what the tokenizer has no word for is as empty.
    pad, unknown = encoder.tokenizer.pad_token_id, encoder.tokenizer.unk_token_id
    empty = pad if pad is not None else unknown or 0
    table = encoder.network.get_input_embeddings()
    with torch.no_grad():
        whole = table(ids)
        nothing = table(torch.where(special, ids, torch.full_like(ids, empty)))

    def forward(embeddings: Tensor, attention: Tensor) -> Tensor:
        return score(pooled.from_embeddings(embeddings, attention))

    found = IntegratedGradients(forward).attribute(
        whole,
        nothing,
        additional_forward_args=(mask,),
        n_steps=STEPS,
        internal_batch_size=STEPS_AT_ONCE,
    )
    weights = found.sum(-1)[0].detach().double().cpu().numpy()
    require_finite("explanation", weights=weights)
    prepared = encoder.prepared([read])[0]
    spans = encoder.tokenizer(
        prepared, truncation=True, max_length=encoder.max_length, return_offsets_mapping=True
    )["offset_mapping"]
    return weighed(text, prepared, spans, weights.tolist())


def occlusion(text: str, score: Callable[[Sequence[str]], NDArray[np.float64]]) -> list[Word]:
    """The words of `text` by what the score loses without each (Zeiler & Fergus 2014, 1311.2901).

    Args:
        score: texts as a user writes them → [texts].
    """
    words = words_of(text)
    if not words:
        return []
    size = -(-len(words) // MOST_PARTS)
    parts = [words[start : start + size] for start in range(0, len(words), size)]
    left = [without(text, part[0].start, part[-1].end) for part in parts]
    scores = score([text, *left])
    require_finite("explanation", scores=scores)
    return [
        Word(word.text, word.start, word.end, float(scores[0] - lower) / len(part))
        for part, lower in zip(parts, scores[1:], strict=True)
        for word in part
    ]
