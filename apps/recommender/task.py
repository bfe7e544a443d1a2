"""What the core fine-tunes for the recommender: both towers, on what users did next."""

from __future__ import annotations

from collections.abc import Sequence as Records
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.interactions.events import Histories
from apps.recommender.interactions.sequences import TARGET_WEIGHTS, Sequence, Shown, TrainingRecord
from apps.recommender.retrieval.towers import TowerModel, TowerSizes, beside
from common.evaluation.ranking import ndcg_at_k
from common.models.encoder import Encoder
from common.models.heads import Embedder
from common.models.retrieval.top_products import top_products
from common.tuning.task import Batch, Metric, Predict, Tokenize

# Users of one forward pass outside of training.
USERS_PER_BLOCK = 256
ITEMS_PER_BLOCK = 65536


@dataclass(frozen=True)
class Query:
    """One user to choose the best epoch by: a history [1, length], and what came after."""

    history: Histories
    relevant: NDArray[np.int32]


class RecommenderTask:
    """Both towers over the texts of a catalogue.

    Args:
        pretrained: [items, width] text vectors of the encoder as it is.
        frozen: the encoder does not learn, so that `pretrained` is all that is ever read.
        inclusion: [items], how often each item is an event, as a share of all.
        negatives: items drawn uniformly into each batch, beside those of its users.
        images: [items, image width] vectors of the items' pictures, zeros where there is none.
    """

    name = "recommender"
    monitors = (Metric("ndcg_at_10"),)

    def __init__(
        self,
        catalogue: Catalogue,
        pretrained: Tensor,
        *,
        frozen: bool,
        popularity: NDArray[np.float64],
        sizes: TowerSizes,
        negatives: int = 256,
        images: Tensor | None = None,
    ) -> None:
        self.catalogue = catalogue
        self.pretrained = pretrained
        self.frozen = frozen
        self.popularity = torch.from_numpy(popularity)
        self.sizes = sizes
        self.negatives = min(negatives, len(catalogue))
        self.images = images
        self.model: TowerModel | None = None
        # Where the item tower begins; None: at the texts as they are.
        self.projection: Tensor | None = None
        self.image_projection: Tensor | None = None

    def build(self, backbone: Encoder, precision: str = "fp32") -> TowerModel:
        """Towers on the encoder; untrained, users are the mean of what they did."""
        center = None if self.images is None else self.images[self.images.any(-1)].mean(0)
        self.model = TowerModel(backbone.pooled(), self.pretrained.mean(0), self.sizes, center)
        if self.projection is not None:
            self.model.items.projection.weight.data.copy_(self.projection)
        if self.image_projection is not None:
            self.model.items.added_images().weight.data.copy_(self.image_projection)
        return self.model

    def forget_images(self) -> None:
        """Go by texts alone."""
        assert self.model is not None
        self.images = self.image_projection = None
        self.model.items.forget_images()

    def input(self, record: TrainingRecord) -> str:
        """Nothing: a record is many texts, and batches are made by users."""
        return ""

    def collate(self, records: Records[TrainingRecord], tokenize: Tokenize) -> Batch:
        """The batch's items, each once, and what each user did with them by row."""
        items, places = self._items(records)
        length = self.sizes.history
        rows = len(records)
        batch: Batch = {
            "history": torch.full((rows, length), -1),
            "behavior": torch.zeros(rows, length, dtype=torch.long),
            "time": torch.zeros(rows, length, dtype=torch.long),
            "target": torch.full((rows, length), -1),
            "weight": torch.zeros(rows, length),
        }
        for row, record in enumerate(records):
            _fill(batch, row, record, places)
        batch |= _impressions(records, places)
        batch["log_inclusion"] = self._log_inclusion(items, records)
        if self.images is not None:
            batch["images"] = self.images[items]
        if self.frozen:
            return batch | {"vectors": self.pretrained[items]}
        return batch | tokenize([self.catalogue.texts[i] for i in items.tolist()])

    def _items(self, records: Records[TrainingRecord]) -> tuple[Tensor, Tensor]:
        """Numbers of the batch's items [batch items], and [items] the row of each, -1: none."""
        own = [torch.from_numpy(_sequence(record).item) for record in records]
        own += [torch.from_numpy(record.item) for record in records if isinstance(record, Shown)]
        drawn = torch.randint(len(self.catalogue), (self.negatives,))
        items = torch.from_numpy(np.unique(torch.cat([*own, drawn]).numpy()))
        places = torch.full((len(self.catalogue),), -1)
        places[items] = torch.arange(len(items))
        return items, places

    def _log_inclusion(self, items: Tensor, records: Records[TrainingRecord]) -> Tensor:
        """Probability that an item is among the events or the uniform draws of a batch."""
        events = sum(len(_sequence(record).item) for record in records)
        absent = (1 - self.popularity[items]) ** events
        absent *= (1 - 1 / len(self.catalogue)) ** self.negatives
        return (1 - absent).log().float()

    def measure(self, predict: Predict, records: Records[Query]) -> dict[str, float]:
        """nDCG@10 of the text score alone, over all items but those the user knows."""
        read = self.pretrained if self.frozen else predict(self.catalogue.texts)["embedding"]
        return {"ndcg_at_10": float(self.figures(read, records).mean())}

    def figures(self, read: Tensor, records: Records[Query]) -> NDArray[np.float64]:
        """[records], the same of each query.

        Args:
            read: [items, width], the texts as an encoder reads them.
        """
        assert self.model is not None
        metrics = []
        items = item_vectors(self.model, beside(read, self.images))
        there = items.to(self.model.log_scale.device)
        for start in range(0, len(records), USERS_PER_BLOCK):
            block = records[start : start + USERS_PER_BLOCK]
            past = _stack([record.history for record in block])
            found, _ = top_products(
                interests(self.model, items.numpy(), past).to(there.device),
                there,
                10,
                excluded=torch.from_numpy(past.item).long().to(there.device),
            )
            ranked = found.cpu().numpy()
            hits = np.stack([np.isin(r, q.relevant) for r, q in zip(ranked, block, strict=True)])
            counts = np.array([len(query.relevant) for query in block])
            metrics.append(ndcg_at_k(hits, counts, 10))
        return np.concatenate(metrics)


def text_vectors(backbone: Encoder) -> nn.Module:
    """The module that reads texts as the pretrained encoder does."""
    return Embedder(backbone.pooled())


@torch.inference_mode()
def item_vectors(model: TowerModel, vectors: Tensor) -> Tensor:
    """What `beside` gives → item vectors of length 1, [items, width], float32 on the CPU."""
    device = model.log_scale.device
    model.eval()
    blocks = range(0, len(vectors), ITEMS_PER_BLOCK)
    parts = [model.items(vectors[i : i + ITEMS_PER_BLOCK].to(device)) for i in blocks]
    return torch.cat([part.float().cpu() for part in parts])


@torch.inference_mode()
def interests(model: TowerModel, items: NDArray[np.float32], past: Histories) -> Tensor:
    """[users, interests, width] at the end of each history; zeros where it is empty.

    Args:
        items: [items, width] of length 1, possibly a memory map.
    """
    device = model.log_scale.device
    was_training = model.training
    model.eval()
    # An all but empty block need not be read at its full length.
    used = max(1, int((past.item >= 0).sum(1).max(initial=0)))
    number = past.item[:, -used:]
    mask = torch.from_numpy(number >= 0)
    found = model.users(
        torch.from_numpy(items[np.maximum(number, 0)]).to(device),
        torch.from_numpy(past.behavior[:, -used:]).long().to(device),
        torch.from_numpy(past.time[:, -used:]).to(device),
        mask.to(device),
    )[:, -1]
    model.train(was_training)
    result: Tensor = found.float().cpu() * mask[:, -1, None, None]
    return result


def _sequence(record: TrainingRecord) -> Sequence:
    return record.history if isinstance(record, Shown) else record


def _fill(batch: Batch, row: int, record: TrainingRecord, places: Tensor) -> None:
    """One user's history, at the right end, and what came next at each of its places."""
    sequence = _sequence(record)
    read = len(sequence.item) if isinstance(record, Shown) else len(sequence.item) - 1
    part = slice(batch["history"].shape[1] - read, None)
    numbers = places[torch.from_numpy(sequence.item).long()]
    batch["history"][row, part] = numbers[:read]
    batch["behavior"][row, part] = torch.from_numpy(sequence.behavior[:read]).long()
    batch["time"][row, part] = torch.from_numpy(sequence.time[:read])
    if isinstance(record, Shown):
        return
    is_new, worth = _first_meetings(sequence)
    batch["target"][row, part] = torch.where(torch.from_numpy(is_new[1:]), numbers[1:], -1)
    batch["weight"][row, part] = torch.from_numpy(worth[1:])


def _first_meetings(sequence: Sequence) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Which events are the first with their item, and the most that any event with it is worth.

    An item that is clicked, read and bought is one thing to foresee, and it is foreseen when it
    is first met: lists do not hold what a user knows.
    """
    worth = sequence.weight * TARGET_WEIGHTS[sequence.behavior]
    _, first, which = np.unique(sequence.item, return_index=True, return_inverse=True)
    most = np.zeros(len(first), np.float32)
    np.maximum.at(most, which, worth)
    is_new = np.zeros(len(worth), np.bool_)
    is_new[first] = True
    return is_new, most[which]


def _impressions(records: Records[TrainingRecord], places: Tensor) -> Batch:
    widest = max([len(r.item) for r in records if isinstance(r, Shown)], default=1)
    shown = torch.full((len(records), widest), -1)
    taken = torch.zeros(len(records), widest, dtype=torch.long)
    for row, record in enumerate(records):
        if isinstance(record, Shown):
            shown[row, : len(record.item)] = places[torch.from_numpy(record.item).long()]
            taken[row, : len(record.item)] = torch.from_numpy(record.taken).long()
    return {"shown": shown, "taken": taken}


def _stack(past: Records[Histories]) -> Histories:
    return Histories(
        item=np.concatenate([h.item for h in past]),
        behavior=np.concatenate([h.behavior for h in past]),
        time=np.concatenate([h.time for h in past]),
        weight=np.concatenate([h.weight for h in past]),
        as_of=np.concatenate([h.as_of for h in past]),
    )
