from __future__ import annotations

from pathlib import Path

import pytest
import torch
from popular_shop import SHOP

from apps.recommender.interactions.timeline import split_in_time
from apps.recommender.pipeline import first_stage
from apps.recommender.pipeline.first_stage import fit_towers
from apps.recommender.retrieval.towers import TowerSizes
from common.models.encoder import load_encoder
from common.models.sources.bundled import Source
from common.tuning.settings import Settings

SIZES = TowerSizes(width=8, history=10)


@pytest.mark.parametrize(("gain", "said"), [(0.1, False), (0.0, True), (-0.1, True)])
def test_an_encoder_that_learned_nothing_of_use_stays_as_it_was(
    gain: float,
    said: bool,
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    figures = iter([0.5 + gain, 0.5])
    monkeypatch.setattr(first_stage, "_reached", lambda *_: next(figures))
    settings = Settings(strategy="full", epochs=1, device="cpu", learning_rate=0.01)
    timeline = split_in_time(SHOP.events, SHOP.catalogue)
    source = Source("tiny", tiny_model, "", "")
    first = fit_towers(load_encoder(source), SHOP, timeline, settings, SIZES, tmp_path)
    assert first is not None
    as_it_was = load_encoder(source).network.state_dict()
    found = first.tuned.pretrained.network.state_dict()
    assert all(torch.equal(found[name], as_it_was[name]) for name in as_it_was) == said
    assert torch.equal(first.vectors, first.pretrained) == said
    assert ("The encoder and the towers stay as they began" in capsys.readouterr().err) == said
    assert bool(first.stayed) == said
    # What is written reads texts as what ranked them did.
    torch.testing.assert_close(
        torch.from_numpy(first.read(SHOP.catalogue)),
        torch.from_numpy(first.items),
        rtol=0,
        atol=1e-4,
    )


@pytest.mark.parametrize("gain", [0.1, -0.1])
def test_towers_that_learned_nothing_of_use_stay_as_they_began(
    gain: float, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = iter([0.5 + gain, 0.5])
    monkeypatch.setattr(first_stage, "_reached", lambda *_: next(figures))
    settings = Settings(strategy="head", epochs=1, device="cpu", head_learning_rate=0.1)
    timeline = split_in_time(SHOP.events, SHOP.catalogue)
    loaded = load_encoder(Source("tiny", tiny_model, "", ""))
    first = fit_towers(loaded, SHOP, timeline, settings, SIZES, tmp_path)
    assert first is not None
    kept = first.towers.state_dict()
    began = first.untrained.state_dict()
    names = [name for name in kept if not name.startswith("items.")]
    assert all(torch.equal(kept[name], began[name]) for name in names) == (gain < 0)
