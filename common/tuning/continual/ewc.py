"""Elastic weight consolidation: weights that old texts rest on are held where they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from common.console import progress
from common.models.encoder import Encoder
from common.tuning.task import Batch, EncoderModule

# One pass and one gradient each: of many texts, as many say enough.
MOST_TEXTS = 500


class ElasticWeights:
    """Elastic weight consolidation (Kirkpatrick et al. 2017, arXiv 1612.00796), a `LossTerm`.

    ½ · `weight` · Σ F (θ - θ_old)² with the diagonal of the Fisher information F at the old
    weights: the mean over old texts of the squared gradient of log p(label), the label drawn from
    what the model itself says of the text.

    Args:
        module: as it stands before it learns further, its old classes with what they learned.
        texts: old texts.
        columns: by the name of its logits, the numbers of the old classes.
    """

    def __init__(
        self,
        module: EncoderModule,
        encoder: Encoder,
        texts: Sequence[str],
        columns: Mapping[str, Sequence[int]],
        *,
        weight: float,
        seed: int = 0,
    ) -> None:
        found = _fisher(module, encoder, texts[:: -(-len(texts) // MOST_TEXTS)], columns, seed)
        self.weight = weight
        self.held = [(one, one.detach().clone(), fisher) for one, fisher in found]

    def __call__(self, module: nn.Module, batch: Batch, outputs: dict[str, Tensor]) -> Tensor:
        """How far the weights have gone, each as much as old texts rest on it."""
        parts = [(fisher * (now - old).square()).sum() for now, old, fisher in self.held]
        return 0.5 * self.weight * torch.stack(parts).sum()


def _fisher(
    module: EncoderModule,
    encoder: Encoder,
    texts: Sequence[str],
    columns: Mapping[str, Sequence[int]],
    seed: int,
) -> list[tuple[nn.Parameter, Tensor]]:
    """The parameters that texts rest on, and the diagonal of their Fisher information."""
    draw = torch.Generator().manual_seed(seed)
    learns = [parameter for parameter in module.parameters() if parameter.requires_grad]
    squares: dict[int, Tensor] = {}
    was_training = module.training
    module.eval()
    with progress("Weighing what the old texts rest on", len(texts)) as advance:
        for text in texts:
            drawn = [*_log_likelihoods(module, encoder, text, columns, draw)]
            gradients = torch.autograd.grad(torch.stack(drawn).sum(), learns, allow_unused=True)
            for at, gradient in enumerate(gradients):
                if gradient is not None:
                    square = gradient.square() / len(texts)
                    squares[at] = squares[at] + square if at in squares else square
            advance(1)
    module.train(was_training)
    return [(learns[at], square) for at, square in squares.items()]


def _log_likelihoods(
    module: EncoderModule,
    encoder: Encoder,
    text: str,
    columns: Mapping[str, Sequence[int]],
    draw: torch.Generator,
) -> Iterator[Tensor]:
    """Of a label that is drawn for each of the logits."""
    device = next(module.parameters()).device
    tokens = {name: one.to(device) for name, one in encoder.tokenize([text]).items()}
    outputs = module(**tokens)
    for name, numbers in columns.items():
        logits = outputs[name][0, list(numbers)].float()
        if name in module.independent_logits:
            has = torch.bernoulli(logits.detach().sigmoid().cpu(), generator=draw).to(device)
            yield nn.functional.logsigmoid(torch.where(has > 0, logits, -logits)).sum()
        else:
            shares = logits.detach().softmax(-1).cpu()
            yield logits.log_softmax(-1)[int(torch.multinomial(shares, 1, generator=draw))]
