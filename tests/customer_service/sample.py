"""What the tests of customer service work on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from command_line import ROOT, Finished

SAMPLES = ROOT / "data_samples" / "customer_service"

Run = Callable[..., Finished]


@dataclass(frozen=True)
class Demo:
    """A store with one release, and the files it was made from."""

    store: Path
    faqs: Path
    questions: Path
    test: Path
