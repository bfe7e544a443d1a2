"""A release's model as ONNX in 8 bits, for onnxruntime on a CPU, if it says what the model says."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import torch

from common.errors import RefusedError, UserError
from common.files import write_json
from common.finite import require_finite
from common.models.onnx_export import export_int8, predict_int8
from common.models.prediction import predict

if TYPE_CHECKING:
    from torch import Tensor, nn

    from common.models.encoder import Encoder

MODEL = "model.onnx"
ABOUT = "export.json"
# When all is well 8 bits cost a hundredth of the cosine; what was nearly a tie may change.
LEAST_COSINE = 0.97
LEAST_SAME = 0.9

Outputs = Mapping[str, "Tensor"]


@dataclass(frozen=True)
class Agreement:
    """Mean cosine of the embeddings, and the share of texts that get the same answer."""

    texts: int
    cosine: float
    same: float
    megabytes: float


def write_export(
    module: nn.Module,
    backbone: Encoder,
    texts: Sequence[str],
    directory: Path,
    *,
    same: Callable[[Outputs, Outputs], Sequence[bool]],
    about: Mapping[str, Any],
    least_same: float = LEAST_SAME,
) -> Agreement:
    """Write model, tokenizer and `export.json` into a new `directory`.

    Args:
        module: gives an `embedding` among its outputs.
        texts: prepared, held out from training: the agreement is measured on them.
        same: from the outputs of both, whether each text gets the same answer.
        about: what else `export.json` holds.
        least_same: smallest tolerated share of texts with the same answer.

    Raises:
        RefusedError: it answers otherwise than the module; nothing is written.
        UserError: `directory` is there already, or there are no texts.
    """
    if directory.exists():
        raise UserError("it is there already", where=str(directory), hint="Choose another --out.")
    if not texts:
        raise UserError("no texts to measure the agreement on")
    with TemporaryDirectory() as folder:
        path = Path(folder) / MODEL
        names = export_int8(module, backbone, path)
        ours, theirs = predict(module, backbone, texts), predict_int8(path, backbone, texts)
        for whose, outputs in (("the release", ours), ("the 8-bit model", theirs)):
            named: dict[str, Any] = {name: values.numpy() for name, values in outputs.items()}
            require_finite(whose, **named)
        cosine = torch.cosine_similarity(ours["embedding"], theirs["embedding"]).mean()
        share = sum(same(ours, theirs)) / len(texts)
        found = Agreement(len(texts), float(cosine), share, path.stat().st_size / 1e6)
        _check(found, least_same)
        directory.mkdir(parents=True)
        shutil.copy(path, directory / MODEL)
    backbone.tokenizer.save_pretrained(directory)
    facts = {"prefix": backbone.source.query_prefix, "outputs": names, "agreement": asdict(found)}
    write_json(directory / ABOUT, {**about, **facts})
    return found


def _check(found: Agreement, least_same: float) -> None:
    if found.cosine >= LEAST_COSINE and found.same >= least_same:
        return
    raise RefusedError(
        f"in 8 bits it answers otherwise: the same for {found.same:.1%} of {found.texts} texts "
        f"(at least {least_same:.0%}), mean cosine {found.cosine:.3f} (at least {LEAST_COSINE})",
        hint="Nothing is written.",
    )
