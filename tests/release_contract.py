"""What the release of every application must be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike


def assert_opens_as_sentence_transformer(
    release: Path, texts: Sequence[str], vectors: ArrayLike
) -> None:
    """Its model, opened by sentence-transformers, gives the vectors that the release gives."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(release / "model"), device="cpu", local_files_only=True)
    np.testing.assert_allclose(model.encode(list(texts)), vectors, atol=1e-5)


def assert_names_no_place(release: Path, *places: Path) -> None:
    """Nothing in it says where on which machine its files lay."""
    files = [path for path in release.rglob("*") if path.is_file()]
    assert any(path.name == "report.html" for path in files)
    for path in files:
        content = path.read_bytes()
        for place in {*places, Path.home() / ".cache"}:
            assert str(place).encode() not in content, f"{path.name} names {place}"
