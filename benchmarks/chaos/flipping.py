"""Files that are no more as they were written."""

from __future__ import annotations

import random
from pathlib import Path


def flip(path: Path, rng: random.Random, *, past: int = 0, times: int = 1) -> list[int]:
    """Change bytes of a file behind the first `past`; which."""
    content = bytearray(path.read_bytes())
    places = sorted(rng.sample(range(past, len(content)), times))
    for place in places:
        content[place] ^= rng.randrange(1, 256)
    path.write_bytes(bytes(content))
    return places
