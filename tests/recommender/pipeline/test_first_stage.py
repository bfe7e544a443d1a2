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
