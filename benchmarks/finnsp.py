"""FinNSP: which of a text's companies are spoken ill of, Chinese (BBT-FinCUGE, Lu et al. 2023).

arXiv 2302.09432. Much of it is about peer-to-peer lending, and much is told again in nearly the
same words: how a model does where nothing alike was learned is a figure of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

from datasketch import MinHash, MinHashLSH

from apps.finance_monitor.data import Example, examples
from apps.finance_monitor.schema import TrainingRecord
from apps.finance_monitor.stories.copies import COPY_FROM, PERMUTATIONS, SCHEME, signature_of
from apps.finance_monitor.targets.pointing import bare
from common.records.splits import Splits
from common.records.text import fold

# Of ten texts one is chosen by, and one reported on.
PARTS = 10


def read_finnsp(folder: Path) -> Splits[Example]:
    """One example for each company of each text, `negative` or else `neutral`; split by hash.

    Raises:
        SystemExit: the file is not there.
    """
    path = folder / "finnsp" / "train.jsonl"
    if not path.is_file():
        raise SystemExit(f"{path}: no such file; name its folder: --data DIR")
    sides: list[list[TrainingRecord]] = [[] for _ in range(PARTS)]
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        # Two texts name a company twice.
        names = [name for name in dict.fromkeys(row["entities"]) if name.strip()]
        bad = set(row["negative_entities"])
        targets = [
            {"entity": name, "sentiment": "negative" if name in bad else "neutral"}
            for name in names
        ]
        record = TrainingRecord.model_validate({"text": row["text"], "targets": targets})
        sides[_side(record.content)].append(record)
    test, validation, *train = sides
    learned = [record for side in train for record in side]
    return Splits(examples(learned), examples(validation), examples(test))


def alike_learned(learned: Sequence[Example], asked: Sequence[Example]) -> list[bool]:
    """Of each that is asked, whether a near-copy of its text was learned, whatever the company."""
    index = MinHashLSH(threshold=COPY_FROM, num_perm=PERMUTATIONS)
    for number, text in enumerate({bare(one.text) for one in learned}):
        if (signature := _minhash(text)) is not None:
            index.insert(number, signature)
    found = {}
    for text in {bare(one.text) for one in asked}:
        signature = _minhash(text)
        found[text] = signature is not None and bool(index.query(signature))
    return [found[bare(one.text)] for one in asked]


def _side(text: str) -> int:
    return int.from_bytes(hashlib.sha256(fold(text).encode()).digest()[:8], "big") % PARTS


def _minhash(text: str) -> MinHash | None:
    values = signature_of(text)
    if values is None:
        return None
    return MinHash(num_perm=PERMUTATIONS, hashfunc=crc32, hashvalues=values, scheme=SCHEME)
