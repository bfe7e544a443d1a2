from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import ROOT
from sample import Demo, Run

from apps.customer_service import export
from apps.customer_service.answers.network import Floats
from apps.customer_service.release import load_eight_bit, load_release
from common.errors import RefusedError
from common.models.encoder import Encoder
from common.models.int8.exporting import export_int8
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


def test_a_release_is_answered_from_its_export_as_from_its_weights(
    exported: Path, demo: Demo
) -> None:
    release = Registry(demo.store, "customer_service").open()
    whole = load_release(release, device="cpu")
    small = load_eight_bit(release, exported, threads=1)
    asked = ["my card was stolen", "how do i change my pin", "银行卡丢了怎么办", "pin " * 400]
    assert small.network.token_counts(asked) == whole.network.token_counts(asked)
    assert small.network.intent_scale == pytest.approx(whole.network.intent_scale)
    assert small.network.faq_scale == pytest.approx(whole.network.faq_scale)
    ours, theirs = (one.network.prototypes(one.prototype_ids) for one in (whole, small))
    assert ours.keys() == theirs.keys()
    assert all(np.allclose(ours[name], theirs[name], atol=1e-6) for name in ours)
    for a, b in zip(whole.understand(asked), small.understand(asked), strict=True):
        assert a.vector @ b.vector > 0.97
        assert a.intents.keys() == b.intents.keys()
        assert max(abs(a.intents[name] - b.intents[name]) for name in a.intents) < 0.2
    # What 8 bits cannot do is done by the weights.
    assert small.module.intent_scale == whole.module.intent_scale


def test_a_server_imports_no_torch_before_it_needs_it() -> None:
    heavy = "{'torch', 'transformers', 'sklearn'} & set(sys.modules)"
    code = f"import sys, apps.customer_service.server; sys.exit(str({heavy}) if {heavy} else 0)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr


def test_it_writes_over_nothing(exported: Path, demo: Demo, run: Run) -> None:
    done = run("export", "--out", exported, "--questions", demo.test, "--store", demo.store)
    assert done.returncode == 2
    assert "it is there already" in done.stderr


def test_what_answers_otherwise_is_refused_and_not_written(
    demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def written(
        _module: torch.nn.Module, _backbone: Encoder, path: Path, *, layers: bool
    ) -> list[str]:
        path.write_bytes(b"")
        return []

    class Noise:
        def __init__(self, _directory: Path) -> None: ...

        def outputs(self, texts: Sequence[str]) -> dict[str, Floats]:
            random = np.random.default_rng(0)
            vectors = random.normal(size=(len(texts), 384)).astype(np.float32)
            embedding = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
            logits = random.normal(size=(len(texts), intents)).astype(np.float32)
            return {"embedding": embedding, "intent_logits": logits}

    answerer = load_release(Registry(demo.store, "customer_service").open(), device="cpu")
    intents = len(answerer.intents)
    monkeypatch.setattr(exporting, "export_int8", written)
    monkeypatch.setattr(exporting, "Int8Reader", Noise)
    out = tmp_path / "int8"
    with pytest.raises(RefusedError, match="in 8 bits it answers otherwise"):
        export.export(answerer, ["where is my card", "forgot my pin"] * 20, out)
    assert not out.exists()


def test_layers_that_would_answer_otherwise_stay_as_they_are(
    demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def coarse(
        module: torch.nn.Module, backbone: Encoder, path: Path, *, layers: bool
    ) -> list[str]:
        module = copy.deepcopy(module)
        if layers:
            for weight in module.parameters():
                torch.nn.init.normal_(weight)
        return export_int8(module, backbone, path, layers=layers)

    answerer = load_release(Registry(demo.store, "customer_service").open(), device="cpu")
    monkeypatch.setattr(exporting, "export_int8", coarse)
    found = export.export(answerer, ["where is my card", "forgot my pin"] * 20, tmp_path / "int8")
    assert not found.layers
    assert found.cosine > 0.99
    assert found.what == "the table of words in 8 bits"
