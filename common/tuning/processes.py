"""Several processes of one `torchrun`: only the first writes and speaks."""

from __future__ import annotations

import os


def is_main_process() -> bool:
    """False in all processes but the first."""
    return os.environ.get("RANK", "0") == "0"
