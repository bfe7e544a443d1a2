"""One score an FAQ, of those of the wordings by which it is found."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.customer_service.answers.lexical import REMEMBERED

Floats = NDArray[np.float64]

# How much worse than the best a wording may score and still count.
SPREAD = 0.05
# Share of the FAQ's learned prototype in a dense score, its wordings have the rest.
PROTOTYPE_WEIGHT = 0.6
# Of so many nearest wordings, the share of each FAQ tells how sure it is.
NEIGHBOURS = 5


def pooled(scores: Floats, owners: NDArray[np.int64], counts: NDArray[np.int64]) -> Floats:
    """[FAQs], each the log-mean-exp of its wordings' scores: τ · log(Σ exp(score / τ) / n).

    The maximum of many is greater by chance alone than that of a few: an FAQ that was asked in
    thirty ways would win over a new one that was written in four. This is a kernel estimate of how
    likely an FAQ is to be asked so (Parzen 1962), τ = `SPREAD` the width of the kernel; several
    wordings that are near say more than one.

    Args:
        scores: [hits], of single wordings; those that are not among them, and negative ones, are 0.
        owners: [hits], the number of each one's FAQ.
        counts: [FAQs], how many wordings each has.

    Returns:
        From 0 to the best score.
    """
    likeness = np.expm1(np.maximum(scores, 0.0) / SPREAD)
    together = np.bincount(owners, likeness, minlength=len(counts))
    return np.asarray(SPREAD * np.log1p(together / counts))


def best(scores: Floats, owners: NDArray[np.int64], counts: NDArray[np.int64]) -> Floats:
    """[FAQs], the best score of each one's wordings; 0 where none is among `scores`.

    Args:
        scores, owners, counts: as `pooled` takes them.
    """
    found = np.full(len(counts), -np.inf)
    np.maximum.at(found, owners, scores)
    return np.where(np.isneginf(found), 0.0, found)


def with_prototype(prototype: NDArray[Any], wordings: NDArray[Any]) -> NDArray[Any]:
    """Both as one, be they scores or vectors."""
    return np.asarray(PROTOTYPE_WEIGHT * prototype + (1 - PROTOTYPE_WEIGHT) * wordings)


def known_wordings(wordings: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Bare text → the FAQ that alone has it, of prepared texts and their FAQs."""
    found: dict[str, str] = {}
    shared = set()
    for text, faq_id in wordings:
        key = bare(text)
        if found.setdefault(key, faq_id) != faq_id:
            shared.add(key)
    return {key: faq_id for key, faq_id in found.items() if key and key not in shared}


@lru_cache(REMEMBERED)
def bare(text: str) -> str:
    """A key under which prepared texts that differ in case and punctuation alone are equal."""
    return "".join(character for character in text.casefold() if character.isalnum())
