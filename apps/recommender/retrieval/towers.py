"""The two towers: items from their text, users from what they did with which items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from apps.recommender.retrieval.losses import next_item_loss
from apps.recommender.schema import BEHAVIORS
from common.models.pooling import PooledEncoder
from common.tuning.task import EncoderModule

# Logarithmic buckets of seconds: the last one begins after some four years.
GAP_BUCKETS = 28
# What an event counts for at the start; learned from there.
BEHAVIOR_WEIGHTS = {"browse": 0.5, "click": 1.0, "comment": 1.5, "share": 1.5, "purchase": 2.0}


@dataclass(frozen=True)
class TowerSizes:
    """How large the towers are; `interests` is the number of vectors a user has."""

    interests: int = 2
    width: int = 128
    heads: int = 2
    layers: int = 1
    dropout: float = 0.1
    history: int = 50


def first_paces(interests: int) -> Tensor:
    """[interests], by which the weight of an event falls with each that follows, at the start.

    The first interest remembers long, the last is what the user is after just now.
    """
    return torch.logspace(-1.7, -0.3, interests)


def gap_buckets(time: Tensor, mask: Tensor) -> Tensor:
    """Logarithm of the seconds since the event before; 0 for the first one.

    Args:
        time: [batch, length] seconds, in order.
        mask: [batch, length], True where there is an event.
    """
    gaps = torch.zeros_like(time)
    gaps[:, 1:] = (time[:, 1:] - time[:, :-1]).clamp(min=0)
    gaps[:, 1:] *= mask[:, :-1]
    return (gaps.double() + 1).log2().floor().long().clamp(max=GAP_BUCKETS - 1)


class ItemTower(nn.Module):
    """Text vectors, and picture vectors behind them if there are any → item vectors of length 1.

    It starts as the pretrained vectors less their mean: without it, all texts of some encoders
    point nearly the same way (Mu & Viswanath 2018, arXiv 1702.01417). Pictures are added to them
    through a projection of their own, which starts at zero.
    """

    def __init__(self, center: Tensor, image_center: Tensor | None = None) -> None:
        super().__init__()
        self.center: Tensor
        self.register_buffer("center", center)
        self.projection = nn.Linear(len(center), len(center), bias=False)
        nn.init.eye_(self.projection.weight)
        self.image_center: Tensor | None
        self.register_buffer("image_center", image_center)
        self.image_projection: nn.Linear | None = None
        if image_center is not None:
            self.image_projection = nn.Linear(len(image_center), len(center), bias=False)
            nn.init.zeros_(self.image_projection.weight)

    def forward(self, vectors: Tensor) -> Tensor:
        """[…, text width] or […, text width + image width] → [..., text width]."""
        width = len(self.center)
        found = self.projection(vectors[..., :width] - self.center)
        if self.image_projection is not None and vectors.shape[-1] > width:
            found = found + self.image_projection(self.seen(vectors[..., width:]))
        return functional.normalize(found, dim=-1)

    def seen(self, images: Tensor) -> Tensor:
        """[…, image width], pictures less their mean, of length 1; zeros where there is none."""
        assert self.image_center is not None
        there = images.any(-1, keepdim=True)
        return functional.normalize(images - self.image_center, dim=-1) * there

    def added_images(self) -> nn.Linear:
        """The projection of pictures, of a tower that has one."""
        assert self.image_projection is not None
        return self.image_projection

    def forget_images(self) -> None:
        """Go by texts alone."""
        self.image_center = self.image_projection = None


class UserTower(nn.Module):
    """Item vectors, behaviours and time gaps of a history → a few interests at every moment.

    Causal self-attention over the events (Kang & McAuley 2018, arXiv 1808.09781) corrects a
    mean of the item vectors that forgets, each interest at its own pace. The correction starts
    at zero: untrained, a user is the forgetting mean of what they did.
    """

    def __init__(self, item_width: int, sizes: TowerSizes) -> None:
        super().__init__()
        self.sizes = sizes
        start = torch.tensor([BEHAVIOR_WEIGHTS[name] for name in BEHAVIORS])
        self.log_behavior = nn.Parameter(start.log())
        self.log_pace = nn.Parameter(first_paces(sizes.interests).log())
        self.read = nn.Linear(item_width, sizes.width)
        self.behavior = nn.Embedding(len(BEHAVIORS), sizes.width)
        self.gap = nn.Embedding(GAP_BUCKETS, sizes.width)
        layer = nn.TransformerEncoderLayer(
            sizes.width,
            sizes.heads,
            2 * sizes.width,
            sizes.dropout,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.attention = nn.TransformerEncoder(layer, sizes.layers, enable_nested_tensor=False)
        self.correct = nn.Linear(sizes.width, sizes.interests * item_width)
        nn.init.zeros_(self.correct.weight)
        nn.init.zeros_(self.correct.bias)

    def forward(self, items: Tensor, behavior: Tensor, time: Tensor, mask: Tensor) -> Tensor:
        """Interests after each event.

        Args:
            items: [batch, length, item width], of length 1.
            behavior, time: [batch, length].
            mask: [batch, length], True where there is an event.

        Returns:
            [batch, length, interests, item width], of length 1.
        """
        usual = functional.normalize(self._forgetting_mean(items, behavior, mask), dim=-1)
        events = self.read(items) + self.behavior(behavior) + self.gap(gap_buckets(time, mask))
        state = self.attention(events, mask=self._blocked(mask))
        correction = self.correct(state).view(usual.shape)
        return functional.normalize(usual + correction, dim=-1)

    def _forgetting_mean(self, items: Tensor, behavior: Tensor, mask: Tensor) -> Tensor:
        length = items.shape[1]
        age = torch.arange(length, device=items.device)
        age = (age[:, None] - age[None, :]).to(items.dtype)
        kept = torch.exp(-self.log_pace.exp()[:, None, None] * age.clamp(min=0)) * (age >= 0)
        weight = self.log_behavior.exp()[behavior] * mask
        mean = torch.matmul(kept[None], (items * weight[..., None])[:, None])
        return mean.transpose(1, 2)

    def _blocked(self, mask: Tensor) -> Tensor:
        """True where attention is blocked: the future, and places without an event."""
        length = mask.shape[1]
        future = torch.ones(length, length, dtype=torch.bool, device=mask.device).triu(1)
        itself = torch.eye(length, dtype=torch.bool, device=mask.device)
        # A place that may look nowhere would become NaN: it looks at itself.
        blocked = (future[None] | ~mask[:, None, :]) & ~itself
        return blocked.repeat_interleave(self.sizes.heads, dim=0)


class TowerModel(EncoderModule):
    """A text encoder with both towers."""

    takes_vectors = True

    def __init__(
        self,
        pooled: PooledEncoder,
        center: Tensor,
        sizes: TowerSizes,
        image_center: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.pooled = pooled
        self.items = ItemTower(center, image_center)
        self.users = UserTower(len(center), sizes)
        self.log_scale = nn.Parameter(torch.tensor(10.0).log())

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        vectors: Tensor | None = None,
        images: Tensor | None = None,
        **targets: Tensor,
    ) -> dict[str, Tensor]:
        """Vectors of texts; with targets (see `RecommenderTask.collate`), the loss.

        Args:
            images: [texts, image width], of the same items.

        Returns:
            `embedding` [texts, width], as the encoder gives it, before the item tower.
        """
        if vectors is None:
            assert input_ids is not None and attention_mask is not None
            vectors = self.pooled(input_ids, attention_mask)
        outputs = {"embedding": vectors}
        if targets:
            outputs["loss"] = self._loss(beside(vectors, images), **targets)
        return outputs

    def _loss(
        self, vectors: Tensor, *, history: Tensor, behavior: Tensor, time: Tensor, **targets: Tensor
    ) -> Tensor:
        items = self.items(vectors)
        interests = self.users(items[history.clamp(min=0)], behavior, time, history >= 0)
        scale = self.log_scale.exp()
        return next_item_loss(items, interests, scale, history=history, **targets)


def beside(texts: Tensor, images: Tensor | None) -> Tensor:
    """[items, text width + image width], what the item tower reads; texts alone without images."""
    return texts if images is None else torch.cat([texts, images.to(texts)], -1)


def towers_of(weights: Mapping[str, Tensor], sizes: TowerSizes) -> TowerModel:
    """Towers without an encoder."""
    towers = TowerModel(
        PooledEncoder(nn.Identity()),
        weights["items.center"],
        sizes,
        weights.get("items.image_center"),
    )
    towers.load_state_dict(weights)
    return towers.eval()
