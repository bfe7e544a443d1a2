"""Exemplars stand for their classes."""

from __future__ import annotations

import numpy as np

from common.learning.replay import herd


def test_few_texts_are_all_kept() -> None:
    assert herd(np.zeros((3, 2), dtype=np.float32), ["a", "b", "a"], most=3) == [0, 1, 2]


def test_a_class_s_exemplars_have_its_mean() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(400, 8)).astype(np.float32)
    vectors[200:] += 3
    classes = ["near"] * 200 + ["far"] * 200
    rows = herd(vectors, classes, most=40)
    assert rows == sorted(set(rows))
    for start in (0, 200):
        own = [row for row in rows if start <= row < start + 200]
        assert len(own) == 20
        mean = vectors[start : start + 200].mean(0)
        by_herding = np.linalg.norm(vectors[own].mean(0) - mean)
        by_chance = [
            np.linalg.norm(vectors[start + random.choice(200, 20, replace=False)].mean(0) - mean)
            for _ in range(200)
        ]
        assert by_herding < min(by_chance)


def test_what_small_classes_leave_over_the_large_ones_get() -> None:
    vectors = np.random.default_rng(1).normal(size=(103, 4)).astype(np.float32)
    rows = herd(vectors, ["rare"] * 3 + ["usual"] * 100, most=20)
    assert rows[:3] == [0, 1, 2]
    assert len(rows) == 20
