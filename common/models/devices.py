"""Where a model computes, and how precisely."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from common.errors import UserError

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
Precision = Literal["auto", "fp32", "bf16", "fp16"]
# `auto` is float32: figures are then what was measured when the release was made.
ServingPrecision = Literal["auto", "fp32", "int8"]


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


def use_threads(count: int) -> None:
    """Let torch compute on so many threads."""
    import torch

    torch.set_num_threads(count)


def keep_numpy_to_one_thread() -> None:
    """Let numpy multiply matrices on the thread that asks, from now on in this process.

    The threads of its OpenBLAS spin for a while after each product, on the cores that torch is to
    have: on two cores, an answer with 5,000 passages beside took half as long again.
    """
    import numpy as np  # noqa: F401  # The library whose threads are meant must be loaded.
    from threadpoolctl import ThreadpoolController

    # The OpenBLAS of torch itself, on processors that it has one for, uses OpenMP.
    own = ThreadpoolController().select(internal_api="openblas").select(threading_layer="pthreads")
    own.limit(limits=1)


def in_own_thread(work: Callable[[], T]) -> T:
    """What `work` gives, from a thread that ends with it: for what a server computes by the way.

    OpenMP keeps a team of threads for each thread that ever computed, and once there are more of
    them than processors none waits in readiness any more: from then on a text takes twice as long
    to encode, whichever thread asks.
    """
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def check_serving_precision(precision: ServingPrecision, device: str) -> None:
    """Refuse what cannot be served, before anything is loaded.

    Raises:
        UserError: 8 bits on a GPU, or without the packages for it.
    """
    if precision != "int8":
        return
    if device not in {"auto", "cpu"}:
        raise UserError(
            f"--precision int8 computes on the CPU, and --device is {device}",
            hint="Leave --device out, or take --precision fp32.",
        )
    from common.models.int8.reader import require_runtime

    require_runtime()
