"""A release's item encoder as ONNX in 8 bits, if items stay where the release sees them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from apps.recommender.release import Model
from apps.recommender.retrieval.towers import ItemTower
from apps.recommender.task import item_vectors, text_vectors
from common.errors import UserError
from common.models.encoder import load_encoder
from common.releases.agreement import Agreement
from common.releases.export import Outputs, write_export

# Eight bits move an item a little: it lies where it did while its nearest is among so many.
NEIGHBOURS = 10


class ItemEncoder(nn.Module):
    """Token ids → item vectors of length 1, as scoring uses them."""

    def __init__(self, reads: nn.Module, tower: ItemTower) -> None:
        super().__init__()
        self.reads = reads
        self.tower = tower

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        """[batch, tokens] twice → `embedding` [batch, width]."""
        return {"embedding": self.tower(self.reads(input_ids, attention_mask)["embedding"])}


def export(model: Model, texts: Sequence[str], directory: Path) -> Agreement:
    """Write encoder, tokenizer and `export.json` into a new `directory`.

    Args:
        texts: of items, as `Catalogue.texts`: the agreement is measured on them.

    Raises:
        RefusedError: too many items would lie elsewhere; nothing is written.
        UserError: `directory` is there already, or there are too few items to compare.
    """
    if len(texts) <= NEIGHBOURS:
        raise UserError(f"give more than {NEIGHBOURS} items to measure the agreement on")
    backbone = load_encoder(model.source, projected=False)
    module = ItemEncoder(text_vectors(backbone), model.towers.items)
    about = {"release_id": model.model_id}
    return write_export(module, backbone, texts, directory, same=_lies_alike, about=about)


def export_encoder(
    model: Model, texts: Sequence[str], directory: Path, *, least_same: float
) -> Agreement:
    """Write the encoder alone, for a server; the items that it is compared by are the towers'.

    Raises:
        RefusedError, UserError: as `export`.
    """
    backbone = load_encoder(model.source, projected=False)

    def same(ours: Outputs, theirs: Outputs) -> list[bool]:
        items = (
            item_vectors(model.towers, torch.from_numpy(outputs["embedding"])).numpy()
            for outputs in (ours, theirs)
        )
        return _lies_alike(*({"embedding": vectors} for vectors in items))

    return write_export(
        text_vectors(backbone),
        backbone,
        texts,
        directory,
        same=same,
        about={"release_id": model.model_id},
        least_same=least_same,
    )


def _lies_alike(ours: Outputs, theirs: Outputs) -> list[bool]:
    """Of each item, whether its nearest is still among the ten nearest."""
    nearest = _nearest(ours["embedding"], 1)
    found: list[bool] = (nearest == _nearest(theirs["embedding"], NEIGHBOURS)).any(1).tolist()
    return found


def _nearest(vectors: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """[items, count] the items with the largest cosine, itself left out."""
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -2)
    return np.argsort(-cosines, axis=1)[:, :count]
