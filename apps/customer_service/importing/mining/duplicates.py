"""Texts that say the same in nearly the same letters: one of them is encoded for all."""

from __future__ import annotations

from collections.abc import Sequence

from common.console import progress
from common.records.text import fold

# Of the shingles of both, this share is common. At 0.9 a letter or two of a sentence differ.
ALIKE = 0.9
PERMUTATIONS = 64
SHINGLE = 4
# A letter in a short text may be all that it says.
SHORTEST = 24


def representatives(texts: Sequence[str]) -> list[str]:
    """For each text the one that stands for it: the first, in the order of letters, that is alike.

    Alike are texts that `fold` makes equal, and longer ones by the MinHash of their shingles
    (Broder 1997; banded for look-up, as in datasketch). The outcome does not depend on the order.
    """
    from datasketch import MinHash, MinHashLSH

    first: dict[str, str] = {}
    for text in sorted(set(texts)):
        first.setdefault(fold(text) or text, text)
    index = MinHashLSH(threshold=ALIKE, num_perm=PERMUTATIONS)
    stands: dict[str, str] = {}
    with progress("Looking for duplicates", len(first)) as advance:
        for key, text in sorted(first.items()):
            advance()
            stands[key] = text
            if len(key) < SHORTEST:
                continue
            shingles = {key[i : i + SHINGLE].encode() for i in range(len(key) - SHINGLE + 1)}
            hashed = MinHash(num_perm=PERMUTATIONS)
            hashed.update_batch(sorted(shingles))
            if near := sorted(index.query(hashed)):
                stands[key] = first[near[0]]
            else:
                index.insert(key, hashed)
    return [stands[fold(text) or text] for text in texts]
