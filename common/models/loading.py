"""Load a pretrained backbone: its encoder, its tokenizer, its device and precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from common.errors import UserError
from common.models.bundled import Source
from common.models.facts import write_prompts
from common.models.symbols import SymbolSpeller

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Precision = Literal["auto", "fp32", "bf16", "fp16"]
Tokenize = Callable[[Sequence[str]], dict[str, "Tensor"]]

# A customer's question rarely has more; what stands beyond is cut off.
MAX_TOKENS = 256


@dataclass(frozen=True)
class Backbone:
    """A pretrained encoder with its tokenizer, before any head."""

    source: Source
    encoder: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase

    @property
    def dimension(self) -> int:
        """Size of the encoder's hidden states."""
        return int(self.encoder.config.hidden_size)

    @cached_property
    def symbols(self) -> SymbolSpeller:
        """Spells out what the tokenizer lacks."""
        return SymbolSpeller(self.tokenizer)

    def tokenize(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """Token ids and attention mask, both [texts, longest], padded to the longest of them."""
        batch = self.tokenizer(
            self.prepared(texts),
            padding=True,
            truncation=True,
            max_length=min(MAX_TOKENS, self.encoder.config.max_position_embeddings),
            return_tensors="pt",
        )
        return {name: batch[name] for name in ("input_ids", "attention_mask")}

    def prepared(self, texts: Sequence[str]) -> list[str]:
        """The texts as the tokenizer gets them: with what it lacks spelled out, and the prefix."""
        return [self.source.query_prefix + self.symbols.spell(text) for text in texts]

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text, without padding."""
        encoded = self.tokenizer(self.prepared(texts), truncation=True, max_length=512)
        return [len(ids) for ids in encoded["input_ids"]]


def load_backbone(source: Source, *, dropout: float | None = None) -> Backbone:
    """Load encoder and tokenizer in float32, whatever the checkpoint's own precision.

    Raises:
        UserError: the directory does not hold an encoder that transformers can load.
    """
    from transformers import AutoConfig, AutoModel, AutoTokenizer
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        config = AutoConfig.from_pretrained(source.directory)
        _set_dropout(config, dropout)
        options: dict[str, Any] = {"dtype": "float32", "config": config}
        if config.model_type in {"bert", "roberta", "xlm-roberta"}:
            options["add_pooling_layer"] = False
        encoder = AutoModel.from_pretrained(source.directory, **options)
        tokenizer = AutoTokenizer.from_pretrained(source.directory)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"cannot load this model: {str(error).splitlines()[0]}", where=str(source.directory)
        ) from None
    _let_go_of_file(encoder)
    _return_freed_memory()
    return Backbone(source, encoder, tokenizer)


def _let_go_of_file(encoder: Any) -> None:
    """Copy what is still a view of the file, which else stays in memory as a whole."""
    tensors = [*encoder.parameters(), *encoder.buffers()]
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


def save_backbone(backbone: Backbone, directory: Path) -> None:
    """Write encoder, tokenizer and prompts as a Hugging Face directory.

    A tensor that float16 holds exactly (frozen weights that came in float16) is written in half
    the space.
    """
    weights = {
        name: _smallest_exact(tensor) for name, tensor in backbone.encoder.state_dict().items()
    }
    backbone.encoder.save_pretrained(directory, state_dict=weights)
    backbone.tokenizer.save_pretrained(directory)
    write_prompts(directory, backbone.source.query_prefix, backbone.source.passage_prefix)


def _smallest_exact(tensor: Tensor) -> Tensor:
    import torch

    tensor = tensor.detach().cpu().contiguous()
    if tensor.dtype == torch.float32:
        half = tensor.to(torch.float16)
        if torch.equal(half.to(torch.float32), tensor):
            return half
    return tensor


def _set_dropout(config: Any, dropout: float | None) -> None:
    if dropout is None:
        return
    for name in ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout"):
        if hasattr(config, name):
            setattr(config, name, dropout)


def pick_device(wanted: str = "auto") -> torch.device:
    """`auto` takes a GPU where there is one.

    Raises:
        UserError: the device does not exist on this machine.
    """
    import torch

    if wanted == "auto":
        best = torch.accelerator.current_accelerator(check_available=True)
        return best or torch.device("cpu")
    try:
        device = torch.device(wanted)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        raise UserError(f"there is no device {wanted!r} on this machine") from None
    return device


def pick_precision(wanted: Precision, device: torch.device) -> Literal["fp32", "bf16", "fp16"]:
    """`auto` takes bfloat16 where the GPU or the CPU computes it natively, else float32.

    Raises:
        UserError: a precision that this machine cannot train with.
    """
    if wanted == "fp16" and device.type == "cpu":
        raise UserError("a CPU cannot train in fp16", mend="Take --precision auto, bf16 or fp32.")
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        import torch

        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    if device.type == "cpu":
        return "bf16" if _cpu_has_bfloat16() else "fp32"
    return "fp32"


def _cpu_has_bfloat16() -> bool:
    # Where a CPU emulates bfloat16, it is slower than float32: look at the flags.
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
