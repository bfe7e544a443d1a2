"""The card itself: what it is, and the rates that nothing on it can exceed."""

from __future__ import annotations

import platform
from collections.abc import Iterator

from benchmarks.gpu.bench import Bench
from benchmarks.gpu.row import Row, fastest

# Bytes that are copied: several times what a cache holds.
COPIED = 2**33


def measure(bench: Bench) -> Iterator[Row]:
    """Names and versions, then matrix products and copies of random numbers."""
    import torch
    import transformers

    device = bench.device
    yield Row("torch", torch.__version__, note=f"transformers {transformers.__version__}")
    if device.type == "cuda":
        yield Row("card", torch.cuda.get_device_name(), note=f"CUDA {torch.version.cuda}")
        yield Row("memory", torch.cuda.get_device_properties(device).total_memory / 2**30, "GiB")
        if driver := _driver():
            yield Row("driver", driver)
    else:
        yield Row("card", f"none: {platform.machine()}, {torch.get_num_threads()} threads")
    n = bench.scale.matrix
    left, right = (torch.randn(n, n, device=device, dtype=bench.dtype) for _ in range(2))
    times = 20
    seconds = fastest(
        {"product": lambda: [left @ right for _ in range(times)]}, bench.wait, bench.scale.turns
    )["product"]
    kind = str(bench.dtype).removeprefix("torch.")
    yield Row(f"matrix product, {kind}", 2 * n**3 * times / seconds / 1e12, "TFLOP/s")
    count = COPIED if device.type == "cuda" else 2**20
    source = torch.randn(count // 4, device=device)
    target = torch.empty_like(source)
    seconds = fastest({"copy": lambda: target.copy_(source)}, bench.wait, bench.scale.turns)["copy"]
    yield Row("copy, read and written", 2 * count / seconds / 1e12, "TB/s")


def _driver() -> str:
    """As the driver's own library says; empty where its reader is not installed."""
    try:
        import pynvml
    except ImportError:
        return ""
    pynvml.nvmlInit()
    version: str = pynvml.nvmlSystemGetDriverVersion()
    pynvml.nvmlShutdown()
    return version
