"""What all kinds of pretrained models share: opening their files, padding, lengths, writing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from common.errors import UserError
from common.models.adapting.adapter import adapter_of
from common.models.adapting.kept import base_directory, restore_adapter, save_adapted
from common.models.adapting.quantised import (
    QuantisedBase,
    check_method,
    make_trainable,
    quantise_as,
    quantised_as,
    require_bitsandbytes,
)
from common.models.sentence_modules import encoder_directory

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

Input = TypeVar("Input", contravariant=True)

# Of a model that says nothing of its longest input, and could take far longer ones.
USUAL_LONGEST = 512


class Pretrained(Protocol[Input]):
    """A pretrained model with its tokenizer: an `Encoder`, a `PairScorer` or a `Generator`.

    Attributes:
        network: what is frozen, adapted, perturbed and exported.
    """

    @property
    def network(self) -> PreTrainedModel: ...  # noqa: D102

    def tokenize(self, inputs: Sequence[Input]) -> dict[str, Tensor]:
        """Tensors [inputs, longest], padded to the longest of them."""

    def token_counts(self, inputs: Sequence[Input]) -> list[int]:
        """Number of tokens of each input, without padding."""


def open_pretrained(
    kind: str,
    directory: Path,
    *,
    dropout: float | None = None,
    quantised: QuantisedBase | None = None,
    **options: Any,
) -> tuple[Any, Any]:
    """Network and tokenizer in float32, whatever the checkpoint's own precision.

    Args:
        kind: transformers' class, like `AutoModel`.
        quantised: how the linear layers of a causal model are held; one written so stays so.
        options: of its configuration.

    Raises:
        UserError: the directory does not hold a model that transformers can load, or one to be
            quantised that cannot be.
    """
    import transformers
    from transformers import AutoConfig, AutoTokenizer
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    own = encoder_directory(directory)
    try:
        config = AutoConfig.from_pretrained(own, **options)
        _set_dropout(config, dropout)
        given: dict[str, Any] = {"dtype": "float32", "config": config}
        given |= _held_as(quantised, config, directory)
        if kind == "AutoModel" and config.model_type in {"bert", "roberta", "xlm-roberta"}:
            given["add_pooling_layer"] = False
        network = getattr(transformers, kind).from_pretrained(base_directory(own), **given)
        tokenizer = AutoTokenizer.from_pretrained(own)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"cannot load this model: {str(error).splitlines()[0]}", where=str(directory)
        ) from None
    make_trainable(network)
    restore_adapter(network, own)
    _let_go_of_file(network)
    _return_freed_memory()
    _make_able_to_pad(tokenizer, network)
    return network, tokenizer


def is_causal(config: Any) -> bool:
    """Whether a checkpoint is one that writes: it names what it was trained as."""
    names = getattr(config, "architectures", None) or ()
    # XLM and its kin are masked models, `XLMWithLMHeadModel`.
    return any(re.search(r"ForCausalLM$|(?<!With)LMHeadModel$", name) for name in names)


def holds_causal(directory: Path) -> bool:
    """Whether a model's directory holds one that writes."""
    from transformers import AutoConfig

    return is_causal(AutoConfig.from_pretrained(encoder_directory(directory)))


def longest_input(network: Any, tokenizer: Any, stated: int | None = None) -> int:
    """Tokens of the longest input: what the model says, as far as it has positions."""
    limits = [stated or min(USUAL_LONGEST, tokenizer.model_max_length)]
    if (positions := getattr(network.config, "max_position_embeddings", None) or 0) > 0:
        # RoBERTa and its kin count positions from beyond the padding's.
        inner = getattr(network, network.base_model_prefix, network)
        before = getattr(getattr(inner, "embeddings", None), "padding_idx", None)
        limits.append(positions if before is None else positions - before - 1)
    return min(limits)


def save_network(network: Any, tokenizer: Any, directory: Path, *, base: str) -> None:
    """Write network and tokenizer as transformers does; what was added and not folded in, apart.

    A tensor that float16 holds exactly (frozen weights that came in float16) is written in half
    the space.

    Args:
        base: the name of the model that was pretrained.
    """
    exact = _smallest_exact if quantised_as(network) is None else _as_it_is
    weights = {name: exact(tensor) for name, tensor in network.state_dict().items()}
    if adapter_of(network) is None:
        network.save_pretrained(directory, state_dict=weights)
    else:
        save_adapted(network, weights, directory, base)
    tokenizer.save_pretrained(directory)


def _held_as(quantised: QuantisedBase | None, config: Any, directory: Path) -> dict[str, Any]:
    """What loading is asked for beside a configuration, where the base is to be quantised or is."""
    if (written := getattr(config, "quantization_config", None)) is not None:
        check_method(written, directory)
        require_bitsandbytes()
        return {"device_map": {"": "cpu"}}
    if quantised is None:
        return {}
    if not is_causal(config):
        raise UserError(
            f"quantised_base={quantised}: a {config.model_type} is an encoder, most of which are "
            "words' vectors that stay as they are",
            where=str(directory),
            hint="Take a causal model like smollm2, or leave quantised_base out.",
        )
    return quantise_as(quantised)


def _set_dropout(config: Any, dropout: float | None) -> None:
    if dropout is None:
        return
    for name in ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout"):
        if hasattr(config, name):
            setattr(config, name, dropout)


def _make_able_to_pad(tokenizer: Any, network: Any) -> None:
    """Padding on the right, with any token: it is masked, and positions count from the left."""
    tokenizer.padding_side = "right"
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token or tokenizer.bos_token
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(0)
    if getattr(network.config, "pad_token_id", None) is None:
        network.config.pad_token_id = tokenizer.pad_token_id


def _let_go_of_file(network: Any) -> None:
    """Copy what is still a view of the file, which else stays in memory as a whole."""
    tensors = [*network.parameters(), *network.buffers()]
    # Of those in 8 bits the layer has a view of its own.
    tensors = [tensor for tensor in tensors if tensor.is_floating_point()]
    # The largest last: by then the file is let go, and the copy finds room.
    for tensor in sorted(tensors, key=lambda one: int(one.numel())):
        tensor.data = tensor.data.clone()


def _return_freed_memory() -> None:
    """Give what loading needed for a while, some 300 MB with `e5-small`, back to the system."""
    import ctypes
    import gc

    gc.collect()
    with suppress(OSError, AttributeError):
        # Only glibc keeps it, and only glibc has this.
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _as_it_is(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().contiguous()


def _smallest_exact(tensor: Tensor) -> Tensor:
    import torch

    tensor = _as_it_is(tensor)
    if tensor.dtype == torch.float32:
        half = tensor.to(torch.float16)
        if torch.equal(half.to(torch.float32), tensor):
            return half
    return tensor
