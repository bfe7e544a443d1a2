"""A causal model's base in 8 or 4 bits: LoRA learns beside it as beside one in full."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import write_tiny_causal
from toy import KINDS, WORDS, ToyTask, outputs, tune

from common.errors import UserError
from common.files import read_json, write_json
from common.models.adapting.adapter import Adapter
from common.models.adapting.adding import add_adapter, fold_adapter
from common.models.adapting.quantised import quantised_as
from common.models.encoder import load_encoder
from common.models.generator import load_generator
from common.models.sources.bundled import Source
from common.records.splits import Splits
from common.tuning.adapting.settings import beside_its_base
from common.tuning.finetune import finetune
from common.tuning.settings import Settings

LEARNED: dict[str, Any] = {"strategy": "lora", "learning_rate": 1e-2, "dropout": 0.0}


@pytest.fixture(scope="module")
def causal(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_causal(tiny_model, tmp_path_factory.mktemp("causal"))


@pytest.fixture
def bitsandbytes() -> None:
    pytest.importorskip("bitsandbytes")


@pytest.mark.usefixtures("bitsandbytes")
@pytest.mark.parametrize("held", ["int8", "int4"])
@pytest.mark.parametrize("kind", ["encoder", "generator"])
def test_it_learns_little_else_than_beside_a_base_in_full(
    causal: Path, tmp_path: Path, kind: str, held: str
) -> None:
    full = tune(causal, tmp_path / "full", kind=kind, epochs=8, **LEARNED)
    tuned = tune(causal, tmp_path / "held", kind=kind, epochs=8, quantised_base=held, **LEARNED)
    gain = 1 - full.after["loss"] / full.before["loss"]
    assert gain > 0.05
    assert 1 - tuned.after["loss"] / tuned.before["loss"] > 0.7 * gain
    assert quantised_as(tuned.pretrained.network) == held
    layers = [p for p in tuned.pretrained.network.parameters() if not p.is_floating_point()]
    assert len(layers) == 2 * 7


@pytest.mark.usefixtures("bitsandbytes")
@pytest.mark.parametrize("held", ["int8", "int4"])
def test_a_classifier_on_it_comes_back_as_it_was_and_goes_on_learning(
    causal: Path, tmp_path: Path, held: str
) -> None:
    tuned = tune(causal, tmp_path / "work", epochs=2, quantised_base=held, **LEARNED)
    _, load, save = KINDS["encoder"]
    save(tuned.pretrained, tmp_path / "written")
    assert read_json(tmp_path / "written/adapter.json")["adapter"]["kind"] == "lora"
    again = load(Source("written", tmp_path / "written"))
    expected = outputs("encoder", tuned.pretrained, WORDS)
    torch.testing.assert_close(outputs("encoder", again, WORDS), expected, atol=1e-6, rtol=0)
    written = sum(f.stat().st_size for f in (tmp_path / "written/base").glob("*.safetensors"))
    assert written < 0.7 * (causal / "model.safetensors").stat().st_size
    as_before = beside_its_base(again.network)
    assert as_before["lora_rank"] == 16
    gently = {**LEARNED, **as_before, "learning_rate": 2e-3}
    on = tune(tmp_path / "written", tmp_path / "on", epochs=6, **gently)
    save(on.pretrained, tmp_path / "later")
    later = load(Source("later", tmp_path / "later"))
    found = outputs("encoder", on.pretrained, WORDS)
    torch.testing.assert_close(outputs("encoder", later, WORDS), found, atol=1e-6, rtol=0)
    assert quantised_as(on.pretrained.network) == held
    assert on.after["loss"] < on.before["loss"]
    with pytest.raises(UserError, match="so few bits do not learn"):
        tune(tmp_path / "written", tmp_path / "full")


@pytest.mark.usefixtures("bitsandbytes")
def test_what_was_read_before_it_learns_keeps_no_gradient_away(causal: Path) -> None:
    generator = load_generator(Source("tiny", causal), quantised="int4")
    add_adapter(generator.network, Adapter("lora", rank=2))
    batch = generator.tokenize([[{"role": "user", "content": "a b"}]])
    batch.pop("completion_mask")
    generator.network.eval()
    with torch.no_grad():
        generator.network(**batch)
    generator.network.train()
    generator.network(**batch).logits.sum().backward()
    learns = [p for p in generator.network.parameters() if p.requires_grad]
    assert learns
    assert all(p.grad is not None for p in learns)


@pytest.mark.usefixtures("bitsandbytes")
def test_nothing_is_folded_into_it(causal: Path) -> None:
    encoder = load_encoder(Source("tiny", causal), quantised="int8")
    add_adapter(encoder.network, Adapter("lora", rank=2))
    fold_adapter(encoder.network)
    assert any("lora_" in name for name, _ in encoder.network.named_parameters())
    with pytest.raises(UserError, match="nothing is folded into"):
        add_adapter(encoder.network, Adapter("lora", rank=3))


@pytest.mark.usefixtures("bitsandbytes")
def test_an_encoder_is_not_held_so(tiny_model: Path) -> None:
    with pytest.raises(UserError, match="a bert is an encoder"):
        load_encoder(Source("tiny", tiny_model), quantised="int8")


def test_a_run_that_did_not_load_its_model_so_is_refused(causal: Path, tmp_path: Path) -> None:
    settings = Settings(quantised_base="int8", device="cpu", **LEARNED)
    encoder = load_encoder(Source("tiny", causal))
    with pytest.raises(UserError, match="held in full"):
        finetune(ToyTask(), encoder, Splits(WORDS, WORDS, []), settings, work=tmp_path)


def test_a_package_that_is_missing_is_named(causal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "common.models.adapting.quantised.find_spec",
        lambda name: None if name == "bitsandbytes" else find(name),
    )
    with pytest.raises(UserError, match="bizlm\\[quantised\\]"):
        load_encoder(Source("tiny", causal), quantised="int4")


@pytest.mark.parametrize("method", ["gptq", "awq", "fp8"])
def test_few_bits_of_another_library_are_refused_by_name(
    causal: Path, tmp_path: Path, method: str
) -> None:
    directory = tmp_path / "other"
    shutil.copytree(causal, directory)
    config = read_json(directory / "config.json")
    write_json(
        directory / "config.json", config | {"quantization_config": {"quant_method": method}}
    )
    with pytest.raises(UserError, match=f"quantised by {method}"):
        load_encoder(Source("other", directory))
