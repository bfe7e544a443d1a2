"""How good what a generator writes is, on held-out replies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from apps.customer_service.generation.kept import FIGURE
from apps.customer_service.generation.rewriting import MOST_SENTENCES, sentences_of
from apps.customer_service.generation.support import Gate
from apps.customer_service.generation.writing import MOST_TOKENS, SECONDS
from apps.customer_service.replies.schema import Exchange
from common.console import progress
from common.files import read_json, write_json
from common.models.generator import Generator
from common.records.text import words

AT_A_TIME = 8
# So many are written alone, as a server does, to see how long one takes.
TIMED = 3
# What is longer than every approved reply by so many tokens is not waited for.
TOKENS_BEYOND = 32


@dataclass(frozen=True)
class Written:
    """One reply beside the gate.

    Attributes:
        passed: the share of its sentences that a source bears; 0 where it has none.
        is_sent: whether `serve` sends it: each source is in it, and it comes to an end.
        overlap: ROUGE-L with the approved reply.
    """

    passed: float
    is_sent: bool
    overlap: float


@dataclass(frozen=True)
class Measured:
    """All held-out replies; `seconds` is how long one takes alone."""

    written: Sequence[Written]
    seconds: float

    @property
    def passed(self) -> list[float]:
        """[replies], the share of sentences that pass the gate."""
        return [one.passed for one in self.written]

    def save(self, path: Path) -> None:
        """Write it, for a run that is resumed."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, asdict(self))

    @classmethod
    def load(cls, path: Path) -> Measured:
        """Read what `save` wrote."""
        kept = read_json(path)
        return cls([Written(**one) for one in kept["written"]], kept["seconds"])

    def summary(self) -> dict[str, float]:
        """The figures, shares from 0 to 1."""
        return {
            "replies": len(self.written),
            FIGURE: float(np.mean(self.passed)),
            "sent": float(np.mean([one.is_sent for one in self.written])),
            "held_back": float(np.mean([one.passed == 0 for one in self.written])),
            "overlap": float(np.mean([one.overlap for one in self.written])),
            "seconds_per_reply": self.seconds,
        }


def measure(generator: Generator, gate: Gate, exchanges: Sequence[Exchange], what: str) -> Measured:
    """Let a generator write the replies, and judge them by their sources.

    Args:
        what: is measured, for the progress shown.
    """
    timed = exchanges[:TIMED]
    read: Any = generator.tokenizer([one.reply for one in exchanges])
    longest = max(map(len, read["input_ids"])) + TOKENS_BEYOND
    found = []
    with progress(f"Writing held-out replies, {what}", len(exchanges) + len(timed)) as advance:
        started = monotonic()
        for one in timed:
            generator.generate([one.prompt], max_new_tokens=MOST_TOKENS, max_time=SECONDS)
            advance()
        seconds = (monotonic() - started) / max(len(timed), 1)
        for start in range(0, len(exchanges), AT_A_TIME):
            some = exchanges[start : start + AT_A_TIME]
            prompts = [one.prompt for one in some]
            texts = generator.generate(prompts, max_new_tokens=min(longest, MOST_TOKENS))
            found += [judge(gate, text, one) for text, one in zip(texts, some, strict=True)]
            advance(len(some))
    return Measured(found, seconds)


def judge(gate: Gate, text: str, exchange: Exchange) -> Written:
    """A reply beside the sources that it was to be written from, and the one approved."""
    said = sentences_of(text)
    bearing = [
        {n for n, (_, known) in enumerate(exchange.sources) if gate.judge(one, known).is_sent}
        for one in said
    ]
    sent = [one for one in bearing if one]
    is_whole = set().union(*sent) == {*range(len(exchange.sources))}
    return Written(
        len(sent) / len(said) if said else 0.0,
        is_whole and len(said) <= MOST_SENTENCES,
        rouge_l(words(text), words(exchange.reply)),
    )


def rouge_l(said: Sequence[str], wanted: Sequence[str]) -> float:
    """F1 of the longest common subsequence of words (Lin 2004, ROUGE-L), 0 to 1."""
    if not said or not wanted:
        return 0.0
    row = [0] * (len(wanted) + 1)
    for word in said:
        diagonal = 0
        for place, other in enumerate(wanted, 1):
            above = row[place]
            row[place] = diagonal + 1 if word == other else max(above, row[place - 1])
            diagonal = above
    return 2 * row[-1] / (len(said) + len(wanted))
