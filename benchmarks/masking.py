"""Precision and recall of masking, on sentences half of which hold nothing personal.

python -m benchmarks.masking [--show]
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import parser, report
from common.records.personal import prepare
from common.records.text import normalise

SENTENCES = Path(__file__).parents[1] / "data_samples" / "personal" / "sentences.txt"
MARKED = re.compile(r"\{(\w+)\|([^}]*)\}")
MASK = re.compile(r"<(\w+)>")

Spans = Counter[tuple[str, str]]


@dataclass(frozen=True)
class Counts:
    """Spans of one kind or of all: found rightly, found wrongly, missed."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        """Share of what was masked that is personal, and of that kind."""
        return self.right / max(self.right + self.wrong, 1)

    @property
    def recall(self) -> float:
        """Share of what is personal that was masked whole."""
        return self.right / max(self.right + self.missed, 1)


def main() -> None:
    """Mask, count, report."""
    arguments = parser("masking of personal data")
    arguments.add_argument("--show", action="store_true", help="each sentence that went wrong")
    chosen = arguments.parse_args()
    read = list(sentences())
    if chosen.show:
        for text, wanted in read:
            if (found := masked(text)) != wanted:
                print(f"{text}\n    wanted {dict(wanted)}\n    found  {dict(found)}")
    whole = count(read)
    kinds = sorted({kind for _, wanted in read for kind, _ in wanted})
    report(
        "masking",
        {
            "sentences": len(read),
            "of them without anything personal": sum(not wanted for _, wanted in read),
            "personal": whole.right + whole.missed,
            "precision": whole.precision,
            "recall": whole.recall,
            **{f"{kind}, right, wrong, missed": _plain(count(read, kind)) for kind in kinds},
        },
    )


def sentences() -> Iterator[tuple[str, Spans]]:
    """Each sentence, normalised, and what in it is personal: kind and text."""
    for line in SENTENCES.read_text(encoding="utf-8").splitlines():
        wanted = Counter((kind, normalise(value)) for kind, value in MARKED.findall(line))
        yield normalise(MARKED.sub(r"\2", line)), wanted


def masked(text: str) -> Spans:
    """What is masked of a normalised text: kind and text."""
    hidden = prepare(text)
    parts = MASK.split(hidden)
    pattern = "(.+?)".join(map(re.escape, parts[::2]))
    match = re.fullmatch(pattern, text, re.DOTALL)
    assert match, hidden
    return Counter(zip(parts[1::2], match.groups(), strict=True))


def count(read: list[tuple[str, Spans]], kind: str | None = None) -> Counts:
    """Over all sentences; of one kind, or of all."""
    right = wrong = missed = 0
    for text, personal in read:
        wanted, found = _only(personal, kind), _only(masked(text), kind)
        right += (found & wanted).total()
        wrong += (found - wanted).total()
        missed += (wanted - found).total()
    return Counts(right, wrong, missed)


def _only(spans: Spans, kind: str | None) -> Spans:
    return Counter({span: n for span, n in spans.items() if kind in {None, span[0]}})


def _plain(counts: Counts) -> list[int]:
    return [counts.right, counts.wrong, counts.missed]


if __name__ == "__main__":
    main()
