"""A module as ONNX with 8-bit weights, for onnxruntime on a CPU."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from common.errors import UserError
from common.models.adapting.quantised import quantised_as
from common.models.int8.reader import INPUTS, OUTPUT
from common.models.int8.tables import quantize_tables

if TYPE_CHECKING:
    from common.models.encoder import Encoder

# Two texts of different lengths, so that neither size is taken for a constant.
TRACED = ("a text", "and another one, which has some more words")


class _Tuple(nn.Module):
    """The module's outputs by position, in the order of their names: ONNX knows no dicts."""

    def __init__(self, module: nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        self.module = module
        self.names = names

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:
        outputs = self.module(input_ids, attention_mask)
        return tuple(outputs[name] for name in self.names)


def export_int8(
    module: nn.Module, backbone: Encoder, path: Path, *, layers: bool = True
) -> list[str]:
    """Write `module` to `path`: weights in 8 bits, a scale for each output channel.

    Args:
        module: maps `input_ids` and `attention_mask` [batch, tokens] to a dict of tensors.
        layers: also those of the layers; otherwise only the table of words, which is most of a
            small multilingual model, and costs next to no agreement.

    Returns:
        The names of the file's outputs: the module's own, each after `OUTPUT`.

    Raises:
        UserError: the packages that it takes are not installed, or the base is quantised already.
    """
    require_exporter()
    if quantised_as(backbone.network) is not None:
        raise UserError(
            "this release's base is in 8 or 4 bits already, in a form that ONNX does not know",
            hint="Export one that was trained without quantised_base.",
        )
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    module = module.cpu().eval()
    example = backbone.tokenize(TRACED)
    with torch.no_grad():
        names = sorted(module(**example))
    sizes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("tokens")}
    with TemporaryDirectory() as folder, _quiet(), torch.no_grad():
        whole = Path(folder) / "model.onnx"
        torch.onnx.export(
            _Tuple(module, names),
            tuple(example[name] for name in INPUTS),
            whole,
            input_names=list(INPUTS),
            output_names=[OUTPUT + name for name in names],
            dynamic_shapes=dict.fromkeys(INPUTS, sizes),
            dynamo=True,
            verbose=False,
        )
        model = onnx.load(whole)
        quantize_tables(model)
        if not layers:
            onnx.save(model, path)
        else:
            onnx.save(model, whole)
            quantize_dynamic(
                whole,
                path,
                op_types_to_quantize=["MatMul"],
                weight_type=QuantType.QInt8,
                per_channel=True,
            )
    return [OUTPUT + name for name in names]


def require_exporter() -> None:
    """Refuse, with the command that installs it, where a package is missing.

    Raises:
        UserError: one is not installed.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"the package {error.name} is not installed", hint="pip install -e '.[onnx]'"
        ) from None


@contextmanager
def _quiet() -> Iterator[None]:
    # The exporter and the quantiser warn of what does not concern this model.
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
