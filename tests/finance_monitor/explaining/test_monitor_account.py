"""What was decided of a story, in sentences."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from apps.finance_monitor.explaining.account import account
from apps.finance_monitor.schema import ScoredRecord
from common.evaluation.explanation.attribution import Attribution, Word
from common.evaluation.explanation.explanation import Explanation
from common.evaluation.explanation.neighbours import Neighbour

PROBABILITIES = {"negative": 0.875, "neutral": 0.1, "positive": 0.025}
FOUND = Explanation(
    "R2",
    "Losses widen",
    [Attribution("negative", 1.0, "log odds", "occlusion",
                 [Word("Losses", 0, 6, 0.9), Word("widen", 7, 12, -0.1)])],
    [Neighbour("Losses grow", "negative", 0.91)],
)  # fmt: skip


def _story(**members: Any) -> ScoredRecord:
    told: dict[str, Any] = {
        "id": "1",
        "text": "Losses widen",
        "published_at": datetime(2026, 1, 1, tzinfo=UTC),
        "release_id": "R1",
        "sentiment": {"label": "negative", "probabilities": PROBABILITIES},
        "topics": [{"name": "earnings", "probability": 0.9}],
    }
    return ScoredRecord.model_validate({**told, **members})


def test_it_says_what_was_read_by_whom_and_why() -> None:
    said = account(_story(), FOUND)
    assert "88%" in said["customer"]["en"]
    assert "负面" in said["customer"]["zh"]
    for language in ("en", "zh"):
        audited = said["auditor"][language]
        for one in ("R1", "87.5%", "earnings", "“Losses”", "Losses grow", "0.91", "R2"):
            assert one in audited
        assert "widen" not in audited, "a word that speaks against it is none that counted for it"


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"sentiment": {"label": None, "probabilities": PROBABILITIES}}, "decides nothing"),
        ({"decided_by": {"rule": "Pools", "action": "force"}}, "“Pools” decided"),
    ],
)
def test_whoever_abstained_or_was_overruled_is_told(members: Any, expected: str) -> None:
    assert expected in account(_story(**members), FOUND)["auditor"]["en"]


def test_where_no_sentiment_was_learned_nothing_is_said() -> None:
    assert account(_story(sentiment={"label": None, "probabilities": {}}), FOUND) == {}
