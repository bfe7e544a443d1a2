"""A causal model in llama.cpp's format → an ordinary Hugging Face directory."""

from __future__ import annotations

from pathlib import Path

from common.errors import UserError


def unpack(file: Path, directory: Path) -> None:
    """Write the model of `file` into `directory`, in float16, with tokenizer and chat template.

    Raises:
        UserError: the package that reads the format is not installed.
    """
    try:
        import gguf  # noqa: F401
    except ImportError:
        raise UserError("the package gguf is not installed", hint="pip install gguf") from None
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    given = {"gguf_file": file.name}
    read = AutoModelForCausalLM.from_pretrained(file.parent, dtype=torch.float32, **given)
    tokenizer = AutoTokenizer.from_pretrained(file.parent, **given)
    # What was read says that it is quantised, though its weights no longer are.
    config = type(read.config)(**read.config.to_diff_dict() | {"quantization_config": None})
    del config.quantization_config
    network = AutoModelForCausalLM.from_config(config, dtype=torch.float16)  # type: ignore[no-untyped-call]
    network.load_state_dict(read.state_dict())
    network.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
