"""Texts to be labelled: chosen, written for people or labelling tools, and read back."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.console import say
from common.errors import UserError
from common.learning.exchange import Format, read_feedback, write_feedback
from common.learning.schema import Feedback
from common.records.fields import content_hash
from common.records.text import fold
from common.records.writing import write_table
from common.tuning.labelling.suggestions import suggest


@dataclass(frozen=True)
class Read:
    """What a release makes of texts.

    Attributes:
        suggested: the likeliest label, or labels between vertical bars, of each text.
        margin: [texts], how far it is ahead of the next, as `margins` has it.
        vectors: [texts, width].
    """

    suggested: list[str]
    margin: NDArray[np.float64]
    vectors: NDArray[np.float32]


@dataclass(frozen=True)
class Question:
    """A text to be labelled, what the release would say, and by how much."""

    text: str
    suggested: str
    margin: float


def check_wanted(wanted: str | None, told: Sequence[str]) -> None:
    """See that a release tells the label that is asked for.

    Args:
        told: the labels that it tells.

    Raises:
        UserError: it does not.
    """
    if wanted is not None and wanted not in told:
        raise UserError(
            f"--label {wanted}: this release does not tell it",
            hint=f"It tells {' and '.join(told)}.",
        )


def new_texts(texts: Sequence[str], known: Collection[str]) -> list[str]:
    """Each text once, without those that are known or hold no letter, in their order.

    Raises:
        UserError: none is left.
    """
    folded = {fold(text) for text in known} | {""}
    found: dict[str, str] = {}
    for text in texts:
        if (key := fold(text)) not in folded:
            found.setdefault(key, text)
    if len(found) < len(texts):
        say(f"{len(texts) - len(found):,} of {len(texts):,} texts are known already or repeated")
    if not found:
        raise UserError("no text is left to suggest: all are known already")
    return list(found.values())


def choose(texts: Sequence[str], read: Read, count: int, *, seed: int = 0) -> list[Question]:
    """The texts that are worth labelling most, the least certain first."""
    chosen = suggest(read.margin, read.vectors, count, seed=seed).tolist()
    return [Question(texts[i], read.suggested[i], float(read.margin[i])) for i in chosen]


def write_questions(
    path: Path,
    questions: Sequence[Question],
    form: Format,
    *,
    columns: tuple[str, str],
    release_id: str,
) -> None:
    """As JSON, or as a table whose empty column of labels is to be filled, for `train`.

    Args:
        columns: of the text and of its label.
    """
    text, label = columns
    if form == "table":
        rows: list[dict[str, Any]] = [
            {
                text: one.text,
                label: "",
                "suggested": one.suggested,
                "margin": round(one.margin, 4),
            }
            for one in questions
        ]
        write_table(path, rows)
        return
    now = time.time()
    asked = [
        Feedback(
            id=content_hash("suggested", one.text),
            at=now,
            source="suggested",
            kind="correction",
            release_id=release_id,
            text=one.text,
            given={label: one.suggested} if one.suggested else {},
        )
        for one in questions
    ]
    write_feedback(path, asked, form, label)


def take_labelled(path: Path, form: Format, out: Path, *, columns: tuple[str, str]) -> int:
    """What a labelling tool exported, as a table that `train` takes; how many are labelled.

    Raises:
        UserError: JSON of another form, or nothing is labelled.
    """
    text, label = columns
    rows = read_feedback(path, form, label, [label])
    if not rows:
        raise UserError("nothing is labelled yet", where=str(path))
    write_table(out, [{text: row.text, label: row.wanted[label]} for row in rows])
    return len(rows)
