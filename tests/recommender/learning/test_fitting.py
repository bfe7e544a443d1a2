"""What `learn` takes over from the release that serves."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from apps.recommender.learning import fitting
from common.releases.registry import Registry


class _StopError(Exception):
    pass


@pytest.mark.parametrize(
    ("recorded", "price"), [({}, None), ({"margins": None}, None), (0.02, 0.02)]
)
def test_a_candidate_weighs_margins_at_the_same_price(
    recorded: Any, price: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}

    def stop(*_: Any, **more: Any) -> None:
        given.update(more)
        raise _StopError

    monkeypatch.setattr(fitting, "split_later", lambda *_: None)
    monkeypatch.setattr(fitting, "item_vectors_of", lambda *_, **__: None)
    monkeypatch.setattr(fitting, "fit_second_stage", stop)
    margins = recorded if isinstance(recorded, dict) else {"margins": {"max_ndcg_loss": recorded}}
    towers = {"known": "2026-06-01", "before": "2026-06-01"}
    begins = {"ranker": "2026-06-01", "test": "2026-06-01"}
    release: Any = SimpleNamespace(
        manifest={"settings": {}, "towers": towers, "data": {"begins": begins}, **margins}
    )
    serving: Any = SimpleNamespace(towers=None, choices=None)
    dataset: Any = SimpleNamespace(events=None, catalogue=[])
    with pytest.raises(_StopError):
        fitting.fit(
            Registry(tmp_path, "recommender"), release, serving, dataset, due=False, device="cpu"
        )
    assert given["margin_ndcg_loss"] == price
