"""A release's model as ONNX in 8 bits, for onnxruntime on a CPU, if it says what the model says."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from common.errors import RefusedError, UserError
from common.files import write_json
from common.finite import require_finite
from common.models.int8.exporting import export_int8
from common.models.int8.reader import ABOUT, MODEL, TOKENIZER, Int8Reader
from common.models.prediction import predict
from common.releases.agreement import Agreement

if TYPE_CHECKING:
    from torch import nn

    from common.models.encoder import Encoder

# When all is well 8 bits cost a hundredth of the cosine; what was nearly a tie may change.
LEAST_COSINE = 0.97
LEAST_SAME = 0.9

Outputs = Mapping[str, NDArray[np.float32]]


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

    All weights are in 8 bits; where the model then answers otherwise, the table of words alone,
    which is most of a small multilingual model and costs next to no agreement.

    Args:
        module: gives an `embedding` among its outputs.
        texts: prepared, held out from training: the agreement is measured on them.
        same: from the outputs of both, whether each text gets the same answer.
        about: what else `export.json` holds.
        least_same: smallest tolerated share of texts with the same answer.

    Raises:
        RefusedError: both answer otherwise than the module; nothing is written.
        UserError: `directory` is there already, or there are no texts.
    """
    if directory.exists():
        raise UserError("it is there already", where=str(directory), hint="Choose another --out.")
    if not texts:
        raise UserError("no texts to measure the agreement on")
    ours = {n: values.numpy() for n, values in predict(module, backbone, texts).items()}
    _require_finite("the release", ours)
    with TemporaryDirectory() as folder:
        made = Path(folder)
        backbone.tokenizer.save_pretrained(made)
        if not (made / TOKENIZER).exists():
            raise RefusedError(f"the tokenizer of {backbone.source.name} cannot be written as JSON")
        for layers in (True, False):
            names = export_int8(module, backbone, made / MODEL, layers=layers)
            facts = {
                **about,
                "prefix": backbone.source.query_prefix,
                "text": _text(backbone),
                "outputs": names,
            }
            write_json(made / ABOUT, facts)
            theirs = Int8Reader(made).outputs(texts)
            _require_finite("the 8-bit model", theirs)
            found = Agreement(
                texts=len(texts),
                cosine=float(_cosines(ours["embedding"], theirs["embedding"]).mean()),
                same=sum(same(ours, theirs)) / len(texts),
                megabytes=(made / MODEL).stat().st_size / 1e6,
                layers=layers,
            )
            if found.cosine >= LEAST_COSINE and found.same >= least_same:
                break
        _require_agreement(found, least_same)
        write_json(made / ABOUT, {**facts, "agreement": asdict(found)})
        shutil.copytree(made, directory)
    return found


def _require_finite(whose: str, outputs: Outputs) -> None:
    named: dict[str, Any] = dict(outputs)
    require_finite(whose, **named)


def _text(backbone: Encoder) -> dict[str, Any]:
    """How a text becomes tokens, beside what the tokenizer's own file says."""
    return {
        "max_length": backbone.max_length,
        "lower_case": backbone.lower_case,
        "unknown": backbone.tokenizer.unk_token_id,
        "padding": backbone.tokenizer.pad_token_id,
    }


def _cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """[texts], of each row of `a` and the same of `b`, both [texts, width]."""
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.asarray((a * b).sum(1) / np.maximum(lengths, 1e-12))


def _require_agreement(found: Agreement, least_same: float) -> None:
    if found.cosine >= LEAST_COSINE and found.same >= least_same:
        return
    raise RefusedError(
        f"in 8 bits it answers otherwise: the same for {found.same:.1%} of {found.texts} texts "
        f"(at least {least_same:.0%}), mean cosine {found.cosine:.3f} (at least {LEAST_COSINE})",
        hint="Nothing is written.",
    )
