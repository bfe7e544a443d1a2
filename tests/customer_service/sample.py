"""What the tests of customer service work on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from command_line import ROOT, Finished

from apps.customer_service.conversation.session import open_dialogue
from apps.customer_service.release import load_release
from common.releases.registry import Registry

SAMPLES = ROOT / "data_samples" / "customer_service"

Run = Callable[..., Finished]


@dataclass(frozen=True)
class Demo:
    """A store with one release, and the files it was made from."""

    store: Path
    faqs: Path
    questions: Path
    test: Path

    @classmethod
    def within(cls, folder: Path) -> Self:
        names = ("var", "faqs.jsonl", "questions.csv", "test.csv")
        return cls(*(folder / name for name in names))


def read_examples(demo: Demo) -> None:
    """As the first conversation of a release does, lest each copy of the store does it again."""
    registry = Registry(demo.store, "customer_service")
    release = registry.open()
    open_dialogue(load_release(release, device="cpu"), release, registry.root)
