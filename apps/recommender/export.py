"""A release's item encoder as ONNX in 8 bits, if items stay where the release sees them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn

from apps.recommender.model import Model
from apps.recommender.task import text_vectors
from apps.recommender.towers import ItemTower
from common.errors import RefusedError, UserError
from common.files import write_json
from common.models.encoder import predict
from common.models.loading import load_backbone
from common.models.onnx_export import export_int8, predict_int8

MODEL = "model.onnx"
NEIGHBOURS = 10
# Eight bits move an item a little: of the ten nearest of an item, seven should still be among them.
LEAST_COSINE = 0.95
LEAST_SHARED = 0.7


class ItemEncoder(nn.Module):
    """Token ids → item vectors of length 1, as scoring uses them."""

    def __init__(self, reads: nn.Module, tower: ItemTower) -> None:
        super().__init__()
        self.reads = reads
        self.tower = tower

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        """[batch, tokens] twice → `item` [batch, width]."""
        found = self.reads(input_ids, attention_mask)["embedding"]
        return {"item": self.tower(found)}


@dataclass(frozen=True)
class Agreement:
    """Mean cosine of the item vectors, and the shared part of each item's ten nearest."""

    items: int
    cosine: float
    shared_neighbours: float
    megabytes: float


def export(model: Model, texts: Sequence[str], directory: Path) -> Agreement:
    """Write encoder, tokenizer and `export.json` into a new `directory`.

    Args:
        texts: of items, as `Catalogue.texts`: the agreement is measured on them.

    Raises:
        RefusedError: items would lie elsewhere; nothing is written.
        UserError: `directory` is there already, or there are too few items to compare.
    """
    if directory.exists():
        raise UserError("it is there already", where=str(directory), mend="Choose another --out.")
    if len(texts) <= NEIGHBOURS:
        raise UserError(f"give more than {NEIGHBOURS} items to measure the agreement on")
    backbone = load_backbone(model.source)
    module = ItemEncoder(text_vectors(backbone), model.towers.items)
    with TemporaryDirectory() as folder:
        path = Path(folder) / MODEL
        names = export_int8(module, backbone, path)
        ours = predict(module, backbone, texts)["item"]
        theirs = predict_int8(path, backbone, texts)["item"]
        found = Agreement(
            items=len(texts),
            cosine=float(torch.cosine_similarity(ours, theirs).mean()),
            shared_neighbours=_shared_neighbours(ours, theirs),
            megabytes=path.stat().st_size / 1e6,
        )
        _check(found)
        directory.mkdir(parents=True)
        shutil.copy(path, directory / MODEL)
    backbone.tokenizer.save_pretrained(directory)
    about = {
        "release_id": model.model_id,
        "prefix": backbone.source.query_prefix,
        "outputs": names,
        "agreement": asdict(found),
    }
    write_json(directory / "export.json", about)
    return found


def _shared_neighbours(ours: Tensor, theirs: Tensor) -> float:
    nearest = []
    for vectors in (ours, theirs):
        cosines = vectors @ vectors.T
        cosines.fill_diagonal_(-2)
        nearest.append(cosines.topk(NEIGHBOURS).indices)
    shared = (nearest[0][:, :, None] == nearest[1][:, None, :]).any(-1)
    return float(shared.float().mean())


def _check(found: Agreement) -> None:
    if found.cosine >= LEAST_COSINE and found.shared_neighbours >= LEAST_SHARED:
        return
    raise RefusedError(
        f"in 8 bits items lie elsewhere: mean cosine {found.cosine:.3f} (at least {LEAST_COSINE}), "
        f"{found.shared_neighbours:.1%} of the nearest are shared (at least {LEAST_SHARED:.0%}) "
        f"on {found.items} items",
        mend="Nothing is written.",
    )
