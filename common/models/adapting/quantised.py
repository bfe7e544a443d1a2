"""A base model in 8 or 4 bits, beside which LoRA learns in full precision: QLoRA.

`int8` is LLM.int8() (Dettmers et al. 2022, arXiv 2208.07339): each row of a weight has a scale.
`int4` is NF4 (Dettmers et al. 2023, arXiv 2305.14314): each 64 weights have one, and 16 levels that
suit a normal distribution. Linear layers alone are so kept, by bitsandbytes; words' vectors, norms
and heads stay as they are.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from common.errors import UserError

if TYPE_CHECKING:
    import torch

BITSANDBYTES = "bitsandbytes"
QuantisedBase = Literal["int8", "int4"]


def quantise_as(kind: QuantisedBase) -> dict[str, Any]:
    """What transformers' `from_pretrained` is asked for to hold the base so.

    Raises:
        UserError: bitsandbytes is not installed.
    """
    require_bitsandbytes()
    import transformers

    chosen: Any = {"load_in_8bit": True}
    if kind == "int4":
        chosen = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}
    # Where it computes is chosen later, for all kinds of models alike.
    held: Any = transformers.BitsAndBytesConfig
    return {"quantization_config": held(**chosen), "device_map": {"": "cpu"}}


def check_method(written: Any, directory: Path) -> None:
    """See that few bits are bitsandbytes', which LoRA learns beside.

    Args:
        written: `quantization_config` of a checkpoint's configuration.

    Raises:
        UserError: they are another library's.
    """
    found = written if isinstance(written, dict) else written.to_dict()
    held = found.get("load_in_8bit") or found.get("load_in_4bit")
    # Early checkpoints do not name it.
    method = str(found.get("quant_method") or (BITSANDBYTES if held else "unknown"))
    if method != BITSANDBYTES:
        raise UserError(
            f"this model is quantised by {method}, and only weights in full or by {BITSANDBYTES} "
            "are opened",
            where=str(directory),
            hint="Take the same model as it was before, and quantised_base=int8 or int4 with "
            "strategy=lora where it is too large.",
        )


def require_bitsandbytes() -> None:
    """See that the package is there.

    Raises:
        UserError: it is not.
    """
    if find_spec("bitsandbytes") is None:
        raise UserError(
            "a quantised base needs bitsandbytes, which is not installed",
            hint="pip install 'bizlm[quantised]'",
        )
    # Of what it warns: each rounding to float16.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)


def quantised_as(network: Any) -> QuantisedBase | None:
    """How a network's base is held; None: in full."""
    if getattr(network, "is_loaded_in_4bit", False):
        return "int4"
    return "int8" if getattr(network, "is_loaded_in_8bit", False) else None


def make_trainable(network: Any) -> None:
    """Let what is added find a quantised base, and gradients their way through it."""
    if quantised_as(network) is None:
        return
    network.base_model.is_loaded_in_4bit = network.is_loaded_in_4bit = (
        quantised_as(network) == "int4"
    )
    network.base_model.is_loaded_in_8bit = quantised_as(network) == "int8"
    for layer in network.modules():
        # Else it packs its weights anew at the first text that is only read, and what is packed
        # lets no gradient through when it learns next.
        if hasattr(layer, "support_avx512bf16_for_cpu"):
            layer.support_avx512bf16_for_cpu = False


@contextmanager
def computing_in(network: Any, dtype: torch.dtype) -> Iterator[None]:
    """Let 4-bit layers compute in `dtype` for a while; what is added keeps its own precision."""
    layers = [layer for layer in network.modules() if hasattr(layer, "compute_type_is_set")]
    before = [layer.compute_dtype for layer in layers]
    for layer in layers:
        layer.compute_dtype = dtype
    try:
        yield
    finally:
        for layer, was in zip(layers, before, strict=True):
            layer.compute_dtype = was
