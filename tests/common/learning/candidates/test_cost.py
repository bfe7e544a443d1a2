"""A candidate that takes much more room, or time, does not serve."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from common.learning.candidates.cost import MOST_TIMED, Cost, Timing, size_of, time_both

MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [(100, 150, False), (100, 151, True), (100, 60, False), (1, 10, False), (1, 12, True)],
)
def test_half_as_large_again_is_the_most(before: int, after: int, refused: bool) -> None:
    excess = Cost(before * MEGABYTE, after * MEGABYTE).excess
    assert (excess is not None) is refused
    if excess:
        assert f"{before:.1f} MB → {after:.1f} MB" in excess


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [
        (1.0, 2.0, False),
        (1.0, 2.01, True),
        (1.0, 0.5, False),
        # Ten times as long, and still nothing that anybody would notice.
        (0.01, 0.1, False),
    ],
)
def test_twice_the_time_is_the_most(before: float, after: float, refused: bool) -> None:
    excess = Cost(MEGABYTE, MEGABYTE, Timing(64, before, after)).excess
    assert (excess is not None) is refused
    if excess:
        assert "15.62 ms → 31.41 ms a record" in excess


def test_both_get_the_same_records_in_turns() -> None:
    asked: list[tuple[str, Sequence[int]]] = []

    def put_to(name: str, records: Sequence[int]) -> None:
        asked.append((name, records))

    timing = time_both(
        lambda some: put_to("serving", some), lambda some: put_to("candidate", some), range(300)
    )
    assert timing is not None
    assert timing.records <= MOST_TIMED
    assert [name for name, _ in asked[:4]] == ["serving", "candidate"] * 2
    assert all(list(records) == list(asked[0][1]) for _, records in asked)
    # Not the first ones alone.
    assert max(asked[0][1]) > 250
    assert time_both(len, len, []) is None


def test_weights_in_half_precision_count_as_what_they_are_computed_with(tmp_path: Path) -> None:
    for name, dtype in (("frozen", np.float16), ("learned", np.float32)):
        (tmp_path / name).mkdir()
        weights = {"weight": np.ones((100, 10), dtype)}
        save_file(weights, tmp_path / name / "model.safetensors")
        (tmp_path / name / "report.html").write_text(name * 1000, encoding="utf-8")
    assert size_of(tmp_path / "frozen") == size_of(tmp_path / "learned") == 4000
