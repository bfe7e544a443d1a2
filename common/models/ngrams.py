"""What words alone say: a linear model over a text's tokens and pairs of neighbouring tokens.

A pretrained encoder knows what a name means only where it learned the name; a linear model counts
whatever stands in the training texts. Their mistakes differ, so that the sum of both logits is
right more often than either (Wang & Manning 2012, "Baselines and Bigrams").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from common.models.encoder import Encoder

BUCKETS = 2**17
# Two primes: the product of a token id and the first stays within 64 bits after two rounds.
FACTOR, MODULUS = 1_000_003, 2_147_483_647
# Texts are short and n-grams many: weaker regularisation than the library's own 1.
INVERSE_PENALTY = 30.0
TEXTS_PER_BATCH = 256


def hashed_ngrams(input_ids: Tensor, attention_mask: Tensor, buckets: int) -> tuple[Tensor, Tensor]:
    """Bucket of each token and of each pair of neighbours (Weinberger et al. 2009, 0902.2206).

    Args:
        input_ids, attention_mask: [batch, tokens].

    Returns:
        Bucket numbers and 0 or 1 for "is there", both [batch, 2 · tokens − 1].
    """
    single = (input_ids.long() + 1) * FACTOR % MODULUS
    pair = (single[:, :-1] + input_ids[:, 1:] + 1) * FACTOR % MODULUS
    real = torch.cat([attention_mask, attention_mask[:, :-1] * attention_mask[:, 1:]], dim=1)
    return torch.cat([single, pair], dim=1) % buckets, real


class NgramClassifier(nn.Module):
    """Logits from hashed n-grams, each weighed by its rarity, the whole scaled to length 1.

    Args:
        rarity: [buckets], the inverse document frequency.
        weight: [buckets, classes].
        bias: [classes].
    """

    def __init__(self, rarity: Tensor, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.rarity: Tensor
        self.weight: Tensor
        self.bias: Tensor
        self.register_buffer("rarity", rarity)
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """[batch, tokens] twice → [batch, classes]."""
        numbers, value = self.features(input_ids, attention_mask)
        return (value.unsqueeze(-1) * self.weight[numbers]).sum(1) + self.bias

    def read(self, backbone: Encoder, texts: Sequence[str]) -> Tensor:
        """Texts → [texts, classes], without gradients."""
        with torch.inference_mode():
            return torch.cat([self(**batch) for batch in _batches(backbone, texts)])

    def features(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Bucket numbers and their values, both [batch, 2 · tokens − 1]."""
        numbers, real = hashed_ngrams(input_ids, attention_mask, len(self.rarity))
        value = self.rarity[numbers] * real
        return numbers, value / value.square().sum(-1, keepdim=True).sqrt().clamp(min=1e-6)

    def beside_another(self, usual: Tensor, weight: float) -> NgramClassifier:
        """To be added to a model's logits: `weight` times what is above or below `usual`.

        Args:
            usual: [classes], the mean logits. The other model knows already how frequent a class
                is; counted twice, a rare one would never be found.
        """
        bias = (self.bias - usual) * weight
        return NgramClassifier(self.rarity, self.weight * weight, bias)


def fit_ngrams(backbone: Encoder, texts: Sequence[str], labels: Tensor) -> NgramClassifier:
    """Logistic regression: one over all classes, or one for each of several that may be right.

    Args:
        labels: [texts] of class numbers, each of which occurs; or [texts, classes] of 0 and 1.
    """
    batches = _batches(backbone, texts)
    empty = NgramClassifier(_rarity(batches), torch.zeros(BUCKETS, 0), torch.zeros(0))
    features = _matrix(empty, batches)
    # What no text has needs no weight: the regression is over what is there.
    used = np.unique(features.indices)
    columns, right = features[:, used], labels.numpy()
    if right.ndim == 1:
        weight, bias = _regression(columns, right)
        if weight.shape[1] == 1:
            # Of two classes the regression speaks of the second; the first one's logit is 0.
            weight, bias = np.pad(weight, ((0, 0), (1, 0))), np.pad(bias, (1, 0))
    else:
        parts = [_regression(columns, member) for member in right.T]
        weight, bias = (np.concatenate([part[i] for part in parts], axis=-1) for i in (0, 1))
    spread = torch.zeros(BUCKETS, weight.shape[1])
    spread[torch.from_numpy(used).long()] = torch.from_numpy(weight).float()
    return NgramClassifier(empty.rarity, spread, torch.from_numpy(bias).float())


def _batches(backbone: Encoder, texts: Sequence[str]) -> list[dict[str, Tensor]]:
    starts = range(0, len(texts), TEXTS_PER_BATCH)
    return [backbone.tokenize(texts[start : start + TEXTS_PER_BATCH]) for start in starts]


def _rarity(batches: Sequence[dict[str, Tensor]]) -> Tensor:
    """[buckets]: ln((1 + texts) / (1 + texts that have it)) + 1."""
    count, texts = torch.zeros(BUCKETS), 0
    for batch in batches:
        numbers, real = hashed_ngrams(batch["input_ids"], batch["attention_mask"], BUCKETS)
        for row, there in zip(numbers, real.bool(), strict=True):
            count[row[there].unique()] += 1
        texts += len(numbers)
    return ((1 + texts) / (1 + count)).log() + 1


def _matrix(model: NgramClassifier, batches: Sequence[dict[str, Tensor]]) -> csr_matrix:
    from scipy.sparse import coo_matrix

    rows, columns, values, texts = [], [], [], 0
    for batch in batches:
        numbers, value = model.features(**batch)
        row, place = value.nonzero(as_tuple=True)
        rows.append(row + texts)
        columns.append(numbers[row, place])
        values.append(value[row, place])
        texts += len(numbers)
    where = (torch.cat(rows).numpy(), torch.cat(columns).numpy())
    return coo_matrix((torch.cat(values).numpy(), where), shape=(texts, BUCKETS)).tocsr()


def _regression(
    features: Any, labels: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights [columns, classes] and bias [classes]; for a yes or no, of the yes alone."""
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(labels)) < 2:
        return np.zeros((features.shape[1], 1)), np.zeros(1)
    model = LogisticRegression(C=INVERSE_PENALTY, max_iter=300).fit(features, labels)
    return model.coef_.T, model.intercept_
