"""What the tests of customer service work on."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "data_samples" / "customer_service"

Run = Callable[..., subprocess.CompletedProcess[str]]


@dataclass(frozen=True)
class Demo:
    """A store with one release, and the files it was made from."""

    store: Path
    faqs: Path
    questions: Path
    test: Path
