from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from sample import Demo, Run

from apps.customer_service import export
from apps.customer_service.release import load_release
from common.errors import RefusedError
from common.models.encoder import Encoder
from common.releases import export as exporting
from common.releases.registry import Registry

pytest.importorskip("onnxruntime", reason="needs the extra `onnx`")


@pytest.fixture(scope="module")
def exported(demo: Demo, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export") / "int8"
    done = run(
        "export", "--out", out, "--questions", demo.test, "--min-same", 0.8,
        "--store", demo.store, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["same"] >= 0.8
    return out


def test_the_file_alone_gives_the_release_s_vectors(exported: Path, demo: Demo) -> None:
    import onnxruntime
    from transformers import AutoTokenizer

    about = json.loads((exported / "export.json").read_text(encoding="utf-8"))
    tokenizer = AutoTokenizer.from_pretrained(exported)
    texts = [about["prefix"] + text for text in ("my card was stolen", "pin", "a b c d e f g")]
    tokens = tokenizer(texts, padding=True, return_tensors="np")
    session = onnxruntime.InferenceSession(exported / "model.onnx")
    wanted = {name: tokens[name] for name in ("input_ids", "attention_mask")}
    found = dict(zip(about["outputs"], session.run(about["outputs"], wanted), strict=True))
    answerer = load_release(Registry(demo.store, "customer_service").open(), device="cpu")
    for row, understood in zip(found["output_embedding"], answerer.understand(texts), strict=True):
        assert row @ understood.vector > 0.97
    assert found["output_intent_logits"].shape == (3, len(about["intents"]))
    assert (exported / "model.onnx").stat().st_size < 30e6


def test_it_writes_over_nothing(exported: Path, demo: Demo, run: Run) -> None:
    done = run("export", "--out", exported, "--questions", demo.test, "--store", demo.store)
    assert done.returncode == 2
    assert "it is there already" in done.stderr


def test_what_answers_otherwise_is_refused_and_not_written(
    demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def written(_module: torch.nn.Module, _backbone: Encoder, path: Path) -> list[str]:
        path.write_bytes(b"")
        return []

    def noise(_path: Path, _backbone: Encoder, texts: Sequence[str]) -> dict[str, torch.Tensor]:
        vectors = torch.randn(len(texts), 384)
        embedding = torch.nn.functional.normalize(vectors, dim=-1)
        return {"embedding": embedding, "intent_logits": torch.randn(len(texts), intents)}

    answerer = load_release(Registry(demo.store, "customer_service").open(), device="cpu")
    intents = len(answerer.intents)
    monkeypatch.setattr(exporting, "export_int8", written)
    monkeypatch.setattr(exporting, "predict_int8", noise)
    out = tmp_path / "int8"
    with pytest.raises(RefusedError, match="in 8 bits it answers otherwise"):
        export.export(answerer, ["where is my card", "forgot my pin"] * 20, out)
    assert not out.exists()
