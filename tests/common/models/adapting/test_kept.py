"""Base and adapter apart: they come back as they were, and only together."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from common.errors import UserError
from common.files import read_json
from common.models.adapting.adapter import Adapter, adapter_of
from common.models.adapting.adding import add_adapter
from common.models.encoder import load_encoder, save_encoder
from common.models.pair_scorer import load_pair_scorer
from common.models.sources.bundled import Source, locate

KEPT = [Adapter("lora", rank=2), Adapter("lora", rank=2, variant="dora"), Adapter("ia3")]
KEPT += [Adapter("adalora", rank=2, initial_rank=3), Adapter("adapter", width=3)]
KEPT += [Adapter("prompt", tokens=3), Adapter("prefix", tokens=3)]


def _written(tiny_model: Path, directory: Path, adapter: Adapter, seed: int = 0) -> torch.Tensor:
    torch.manual_seed(seed)
    encoder = load_encoder(Source("tiny", tiny_model))
    add_adapter(encoder.network, adapter)
    with torch.no_grad():
        for parameter in encoder.network.parameters():
            if parameter.requires_grad:
                parameter.add_(0.3 * torch.randn_like(parameter))
    save_encoder(encoder, directory)
    return _vectors(encoder)


def _vectors(encoder: object) -> torch.Tensor:
    with torch.no_grad():
        pooled = encoder.pooled().eval()  # type: ignore[attr-defined]
        found: torch.Tensor = pooled(**encoder.tokenize(["abc", "de f"]))  # type: ignore[attr-defined]
        return found


@pytest.mark.parametrize("adapter", KEPT, ids=repr)
def test_it_comes_back_as_it_was(tiny_model: Path, tmp_path: Path, adapter: Adapter) -> None:
    expected = _written(tiny_model, tmp_path / "kept", adapter)
    again = load_encoder(locate(str(tmp_path / "kept")))
    assert adapter_of(again.network) == adapter
    torch.testing.assert_close(_vectors(again), expected)
    save_encoder(again, tmp_path / "again")
    assert (tmp_path / "again/adapter.safetensors").read_bytes() == (
        tmp_path / "kept/adapter.safetensors"
    ).read_bytes()


def test_the_base_is_what_was_pretrained_whatever_was_learned(
    tiny_model: Path, tmp_path: Path
) -> None:
    for seed, adapter in enumerate(KEPT):
        _written(tiny_model, tmp_path / str(seed), adapter, seed)
    abouts = [read_json(path) for path in tmp_path.glob("*/adapter.json")]
    assert len(abouts) == len(KEPT)
    assert len({about["base"]["sha256"]["model.safetensors"] for about in abouts}) == 1


def test_another_kind_of_network_opens_it_with_what_was_added(
    tiny_model: Path, tmp_path: Path
) -> None:
    _written(tiny_model, tmp_path / "kept", Adapter("adapter", width=3))
    source = Source("kept", tmp_path / "kept")
    scorer, encoder = load_pair_scorer(source), load_encoder(source)
    theirs = scorer.network.base_model.state_dict()
    for name, tensor in encoder.network.state_dict().items():
        assert torch.equal(theirs[name], tensor), name


@pytest.mark.parametrize("trouble", ["is missing", "was changed"])
def test_without_its_base_it_is_refused(tiny_model: Path, tmp_path: Path, trouble: str) -> None:
    _written(tiny_model, tmp_path / "kept", KEPT[0])
    weights = tmp_path / "kept/base/model.safetensors"
    if trouble == "is missing":
        weights.unlink()
    else:
        weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match=f"model.safetensors {trouble}: the weights of tiny"):
        load_encoder(Source("kept", tmp_path / "kept"))


def test_nobody_takes_the_base_alone_for_the_model(tiny_model: Path, tmp_path: Path) -> None:
    from transformers import AutoModel

    _written(tiny_model, tmp_path / "kept", KEPT[0])
    with pytest.raises(OSError, match=r"model\.safetensors"):
        AutoModel.from_pretrained(tmp_path / "kept")
