"""Three branches, their words, and what each runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sample import Run

BRANCHES = ("north", "south", "web")
WORDS = {
    "card": ["lost my card", "card stolen", "block the card", "new card please", "card is gone"],
    "fee": ["why this fee", "fee too high", "what is the fee", "fee charged twice", "refund a fee"],
    "loan": ["need a loan", "loan rate", "pay a loan", "loan for a car", "end my loan early"],
    "limit": ["raise limit", "limit too low", "my limit today", "new limit", "limit abroad"],
}
# Enough in common for a tiny random model to learn alike.
HAS = {
    "north": ("card", "fee"),
    "south": ("card", "fee", "loan"),
    "web": ("card", "fee", "limit"),
}
SECRET = "brackenthorpe"
SETTINGS = (
    "--set",
    "epochs=2",
    "--set",
    "batch_size=8",
    "--set",
    "adversarial=0",
    "--set",
    "typing_errors=0",
)


@dataclass(frozen=True)
class Federation:
    """Files of three branches, each with a store of its own."""

    root: Path
    run: Run
    model: Path

    def file(self, branch: str) -> Path:
        return self.root / f"{branch}.csv"

    def init(self, name: str, *more: object, parties: Sequence[str] = BRANCHES) -> Path:
        directory = self.root / name
        done = self.run(
            "federate", "init", directory, "--parties", ",".join(parties),
            "--backbone", self.model, *SETTINGS, *more,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return directory

    def verb(self, verb: str, directory: Path, branch: str) -> None:
        done = self.run(*self.words(verb, directory, branch))
        assert done.returncode == 0, done.stderr

    def words(self, verb: str, directory: Path, branch: str) -> Sequence[object]:
        store = self.root / f"var-{branch}"
        return (
            "federate", verb, directory, "--party", branch,
            "--questions", self.file(branch), "--store", store,
        )  # fmt: skip

    def contribute(self, name: str, *more: object) -> Path:
        directory = self.init(name, *more)
        for verb in ("join", "contribute"):
            for branch in BRANCHES:
                self.verb(verb, directory, branch)
        return directory
