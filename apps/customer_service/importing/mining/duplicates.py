"""Texts that say the same in nearly the same letters: one of them is encoded for all."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

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
    stands = dict(first)
    keys = [key for key in sorted(first) if len(key) >= SHORTEST]
    index = MinHashLSH(threshold=ALIKE, num_perm=PERMUTATIONS)
    # One after the other from one generator: each MinHash by itself would draw its permutations.
    hashes = MinHash.generator(map(_shingles, keys), num_perm=PERMUTATIONS, hashfunc=crc32)
    with progress("Looking for duplicates", len(keys)) as advance:
        for key, hashed in zip(keys, hashes, strict=True):
            if near := sorted(index.query(hashed)):
                stands[key] = first[near[0]]
            else:
                index.insert(key, hashed)
            advance()
    return [stands[fold(text) or text] for text in texts]


def _shingles(key: str) -> set[bytes]:
    return {key[start : start + SHINGLE].encode() for start in range(len(key) - SHINGLE + 1)}
