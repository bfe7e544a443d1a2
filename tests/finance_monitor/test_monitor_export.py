"""A release as ONNX in 8 bits: it says what the release says, or is not written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from news import BAD, FLAT, GOOD

from apps.finance_monitor.export import export
from apps.finance_monitor.release import load_release
from common.errors import RefusedError, UserError
from common.models.int8.reader import Int8Reader
from common.releases.registry import Registry

pytest.importorskip("onnxruntime", reason="needs the extra `onnx`")
TEXTS = [f"Hollis {phrase}" for phrases in (BAD, GOOD, FLAT) for phrase in phrases]


def test_the_file_alone_says_what_the_release_says(release: Path, tmp_path: Path) -> None:
    classifier = load_release(Registry(release, "finance_monitor").open())
    found = export(classifier, TEXTS, tmp_path / "int8")
    assert found.texts == len(TEXTS)
    about = json.loads((tmp_path / "int8" / "export.json").read_text(encoding="utf-8"))
    assert about["release_id"] == classifier.release_id
    outputs = Int8Reader(tmp_path / "int8").outputs(TEXTS)
    labels = [about["sentiments"][i] for i in outputs["sentiment_logits"].argmax(-1).tolist()]
    right = ["negative"] * len(BAD) + ["positive"] * len(GOOD) + ["neutral"] * len(FLAT)
    assert sum(a == b for a, b in zip(labels, right, strict=True)) >= len(right) - 1
    with pytest.raises(UserError, match="there already"):
        export(classifier, TEXTS, tmp_path / "int8")


def test_one_that_says_otherwise_is_not_written(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = load_release(Registry(release, "finance_monitor").open())
    monkeypatch.setattr("common.releases.export.LEAST_COSINE", 0.99999)
    with pytest.raises(RefusedError, match="in 8 bits"):
        export(classifier, TEXTS, tmp_path / "int8")
    assert not (tmp_path / "int8").exists()
