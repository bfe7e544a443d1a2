"""The network while it learns: compiled, or without activations kept."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from common.errors import UserError
from common.models.devices import pick_device
from common.tuning.computing.settings import ComputingSettings

# What torch makes code with.
BACKEND = "inductor"


def check_computing(settings: ComputingSettings, device: str, *, resume: bool = False) -> None:
    """See that this machine can compile, and that there are processes to share out among.

    Raises:
        UserError: it has nothing to compile with, or nobody to share with, or a shared run is to be
            resumed.
    """
    if settings.sharded and int(os.environ.get("WORLD_SIZE", "1")) < 2:
        raise UserError(
            "sharded: one process has nobody to share with",
            hint="Start with torchrun --nproc-per-node 2 -m …, or leave sharded out.",
        )
    if settings.sharded and resume:
        raise UserError(
            "sharded: its checkpoints hold what was learned, and not how it is learned on",
            hint="Start it again without --resume.",
        )
    if not settings.torch_compile or BACKEND != "inductor":
        return
    if pick_device(device).type == "cpu":
        compiler = os.environ.get("CXX", "g++")
        if shutil.which(compiler) is None:
            raise UserError(
                f"torch_compile needs a C++ compiler, and there is no {compiler}",
                hint="Install one (apt install g++), or leave torch_compile out.",
            )


@contextmanager
def computing(network: Any, settings: ComputingSettings) -> Iterator[None]:
    """As the settings say for as long as it learns; then as it was.

    Activations are computed again by layers (Chen et al. 2016, arXiv 1604.06174).

    Raises:
        UserError: the network cannot compute its activations again.
    """
    if settings.gradient_checkpointing:
        if not network.supports_gradient_checkpointing:
            raise UserError(
                f"gradient_checkpointing: transformers does not know how for a "
                f"{network.config.model_type}",
                hint="Leave it out, or take a smaller batch_size with more accumulation.",
            )
        # The other kind needs gradients at its input, and frozen word embeddings give none.
        network.gradient_checkpointing_enable({"use_reentrant": False})
    if settings.torch_compile:
        # Texts are of many lengths: one program for all of them.
        network.compile(dynamic=True, backend=BACKEND)
    try:
        yield
    finally:
        if settings.gradient_checkpointing:
            network.gradient_checkpointing_disable()
        if settings.torch_compile:
            # There is no public way back, and what is exported next must not be compiled.
            network._compiled_call_impl = None
