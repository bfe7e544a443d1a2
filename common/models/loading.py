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
from common.models.sentence_modules import (
    Projection,
    encoder_directory,
    read_modules,
    read_text_settings,
    write_modules,
)
from common.models.symbols import SymbolSpeller

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from common.models.pooling import PooledEncoder

Precision = Literal["auto", "fp32", "bf16", "fp16"]
Tokenize = Callable[[Sequence[str]], dict[str, "Tensor"]]

# Of a model that says nothing of its longest input, and could take far longer ones.
USUAL_LONGEST = 512


@dataclass(frozen=True)
class Backbone:
    """A pretrained encoder with its tokenizer and pooling, before any head.

    Attributes:
        pooling: modules after the encoder, as `read_modules` gives them.
        max_length: of a text, in tokens; what stands beyond is cut off.
        lower_case: the model was trained on lower case alone.
    """

    source: Source
    encoder: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    pooling: Sequence[nn.Module] = ()
    max_length: int = USUAL_LONGEST
    lower_case: bool = False

    @property
    def dimension(self) -> int:
        """Size of a text's vector."""
        width = int(self.encoder.config.hidden_size)
        for module in self.pooling:
            width = getattr(module, "pooling_output_dimension", width)
            width = getattr(module, "out_features", width)
        return width

    def pooled(self) -> PooledEncoder:
        """The encoder with its pooling: texts' tokens → vectors."""
        from common.models.pooling import PooledEncoder

        return PooledEncoder(self.encoder, self.pooling, self._prompt_tokens())

    def _prompt_tokens(self) -> int:
        if not self.source.query_prefix:
            return 0
        ids = self.tokenizer(self.source.query_prefix)["input_ids"]
        return len(ids) - (ids[-1] in self.tokenizer.all_special_ids)

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
            max_length=self.max_length,
            return_tensors="pt",
        )
        return {name: batch[name] for name in ("input_ids", "attention_mask")}

    def prepared(self, texts: Sequence[str]) -> list[str]:
        """The texts as the tokenizer gets them: with what it lacks spelled out, and the prefix."""
        prepared = [self.source.query_prefix + self.symbols.spell(text) for text in texts]
        return [text.lower() for text in prepared] if self.lower_case else prepared

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text, without padding."""
        encoded = self.tokenizer(self.prepared(texts), truncation=True, max_length=self.max_length)
        return [len(ids) for ids in encoded["input_ids"]]


def load_backbone(
    source: Source, *, dropout: float | None = None, projected: bool = True
) -> Backbone:
    """Load encoder, tokenizer and pooling in float32, whatever the checkpoint's own precision.

    Args:
        projected: whether the projection that a task learned is part of the pooling.

    Raises:
        UserError: the directory does not hold an encoder that transformers can load.
    """
    from transformers import AutoConfig, AutoModel, AutoTokenizer
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        directory = encoder_directory(source.directory)
        config = AutoConfig.from_pretrained(directory)
        _set_dropout(config, dropout)
        options: dict[str, Any] = {"dtype": "float32", "config": config}
        if config.model_type in {"bert", "roberta", "xlm-roberta"}:
            options["add_pooling_layer"] = False
        encoder = AutoModel.from_pretrained(directory, **options)
        tokenizer = AutoTokenizer.from_pretrained(directory)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"cannot load this model: {str(error).splitlines()[0]}", where=str(source.directory)
        ) from None
    _let_go_of_file(encoder)
    _return_freed_memory()
    _make_able_to_pad(tokenizer, encoder)
    pooling = read_modules(
        source.directory,
        width=int(config.hidden_size),
        is_causal=_is_causal(config),
        projected=projected,
    )
    stated, lower_case = read_text_settings(source.directory)
    longest = _longest(encoder, tokenizer, stated)
    return Backbone(source, encoder, tokenizer, pooling, longest, lower_case)


def _is_causal(config: Any) -> bool:
    """Whether its checkpoint is one that writes: it names what it was trained as."""
    names = getattr(config, "architectures", None) or ()
    return any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in names)


def _make_able_to_pad(tokenizer: Any, encoder: Any) -> None:
    """Padding on the right, with any token: it is masked, and positions count from the left."""
    tokenizer.padding_side = "right"
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token or tokenizer.bos_token
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(0)
    if getattr(encoder.config, "pad_token_id", None) is None:
        encoder.config.pad_token_id = tokenizer.pad_token_id


def _longest(encoder: Any, tokenizer: Any, stated: int | None) -> int:
    """Tokens of the longest input: what the model says, as far as it has positions."""
    limits = [stated or min(USUAL_LONGEST, tokenizer.model_max_length)]
    if (positions := getattr(encoder.config, "max_position_embeddings", None) or 0) > 0:
        # RoBERTa and its kin count positions from beyond the padding's.
        before = getattr(getattr(encoder, "embeddings", None), "padding_idx", None)
        limits.append(positions if before is None else positions - before - 1)
    return min(limits)


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


def save_backbone(
    backbone: Backbone, directory: Path, projection: Projection | None = None
) -> None:
    """Write encoder, tokenizer, pooling and prompts as a sentence-transformers directory.

    A tensor that float16 holds exactly (frozen weights that came in float16) is written in half
    the space.

    Args:
        projection: what the task learned on top; whoever opens the directory
            gets vectors with it.
    """
    weights = {
        name: _smallest_exact(tensor) for name, tensor in backbone.encoder.state_dict().items()
    }
    backbone.encoder.save_pretrained(directory, state_dict=weights)
    backbone.tokenizer.save_pretrained(directory)
    write_modules(
        directory,
        [*backbone.pooling],
        width=int(backbone.encoder.config.hidden_size),
        max_length=backbone.max_length,
        lower_case=backbone.lower_case,
        projection=projection,
    )
    write_prompts(
        directory, backbone.source.query_prefix, backbone.source.passage_prefix, default=True
    )


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
        raise UserError("a CPU cannot train in fp16", hint="Take --precision auto, bf16 or fp32.")
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
