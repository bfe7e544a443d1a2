"""Writes pairs of opposite texts, composed by a grammar of signs.

`grammar.LANGUAGE.toml` → `pairs_composed.LANGUAGE.jsonl`

python data_samples/finance_monitor/compose_pairs.py
"""

from __future__ import annotations

import json
import math
import random
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAIRS_PER_LANGUAGE = 600
SLOT = re.compile(r"{(\w+)}")
SENTIMENT = {1: "positive", 0: "neutral", -1: "negative"}
SIGNS = (1, -1, 0)
NEITHER = 2
NEUTRAL_SHARE = 0.4


def main() -> None:
    """Compose the pairs of each language's grammar, the same ones each time."""
    for path in sorted(HERE.glob("grammar.*.toml")):
        grammar = tomllib.loads(path.read_text(encoding="utf-8"))
        lines = [json.dumps(pair, ensure_ascii=False) for pair in compose(grammar)]
        out = HERE / f"pairs_composed.{grammar['language']}.jsonl"
        out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def compose(
    grammar: Mapping[str, Any], count: int = PAIRS_PER_LANGUAGE, *, seed: int = 0
) -> list[dict[str, Any]]:
    """`count` pairs, no text twice; the frames take turns, those with a `share` several."""
    random_ = random.Random(seed)
    language = grammar["language"]
    frames = [frame for frame in grammar["frames"] for _ in range(frame.get("share", 1))]
    seen: set[str] = set()
    pairs: list[dict[str, Any]] = []
    while len(pairs) < count:
        frame = frames[len(pairs) % len(frames)]
        texts = _opposites(random_.choice(frame["texts"]), grammar, random_)
        if seen.isdisjoint(text for text, _ in texts):
            seen.update(text for text, _ in texts)
            pairs.append(
                {
                    "id": f"{language}-c{len(pairs) + 1:04}",
                    "pattern": frame["pattern"],
                    "part": "train",
                    "language": language,
                    "texts": [{"text": text, "sentiment": SENTIMENT[s]} for text, s in texts],
                }
            )
    return pairs


def _opposites(
    frame: str, grammar: Mapping[str, Any], random_: random.Random
) -> list[tuple[str, int]]:
    """Two texts and their signs: one part of the frame is turned round, the others stay."""
    rows = {name: random_.choice(_rows(grammar, name)) for name in SLOT.findall(frame)}
    words = {name: random_.choice(row) for name, row in rows.items()}
    turned = random_.choice([name for name in rows if name in grammar["signed"]])
    turns = list(enumerate(rows[turned]))
    if turned in grammar["neutral"] and random_.random() < NEUTRAL_SHARE:
        turns[random_.choice((0, 1))] = (NEITHER, random_.choice(grammar["neutral"][turned]))
    random_.shuffle(turns)
    sign = math.prod(_sign(rows[name], word) for name, word in words.items() if name != turned)
    found = []
    for side, word in turns:
        text = " ".join(frame.format_map(words | {turned: word}).split())
        found.append((text[0].upper() + text[1:], sign * SIGNS[side]))
    return found


def _sign(row: Sequence[str], word: str) -> int:
    """+1 for the first word of a signed row and of a plain one, -1 for the second."""
    return SIGNS[row.index(word)]


def _rows(grammar: Mapping[str, Any], name: str) -> Sequence[Sequence[str]]:
    if name in grammar["signed"]:
        rows: Sequence[Sequence[str]] = grammar["signed"][name]
        return rows
    return [(word,) for word in grammar["plain"][name]]


if __name__ == "__main__":
    main()
