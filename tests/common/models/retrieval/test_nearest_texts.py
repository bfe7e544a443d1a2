"""A class whose texts lie in two places has no direction of its own, and is told all the same."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from common.models.retrieval.nearest_texts import Floats, with_nearest_texts

SCALE = 20.0


def _around(*degrees: float) -> Floats:
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


# The mean of class 0 is that of class 1.
TEXTS, CLASSES = _around(0, 90, 43, 47), np.array([0, 0, 1, 1])


def _by_means(asked: Floats, classes: int = 2) -> Floats:
    means = np.stack([TEXTS[number % 2 == CLASSES].mean(0) for number in range(classes)])
    unit = means / np.linalg.norm(means, axis=1, keepdims=True)
    found: Floats = softmax(SCALE * asked @ unit.T, axis=-1)
    return found


def test_what_no_direction_tells_the_nearest_texts_do() -> None:
    asked = _around(4, 86, 45)
    alone = _by_means(asked)
    assert alone == pytest.approx(np.full((3, 2), 0.5), abs=1e-3)
    found = with_nearest_texts(alone, asked, TEXTS, CLASSES, SCALE)
    assert found.argmax(1).tolist() == [0, 0, 1]
    assert found[:2, 0].min() > 0.7
    assert found.sum(1) == pytest.approx(np.ones(3))


def test_a_class_without_a_text_keeps_its_probability() -> None:
    asked = _around(4, 45)
    alone = _by_means(asked, classes=3)
    found = with_nearest_texts(alone, asked, TEXTS, CLASSES, SCALE)
    assert found[:, 2].tolist() == alone[:, 2].tolist()
    assert found.sum(1) == pytest.approx(np.ones(2))
    assert found[0, 0] > alone[0, 0]


def test_the_order_of_the_texts_says_nothing() -> None:
    asked = _around(10, 50)
    alone = _by_means(asked)
    turned = with_nearest_texts(alone, asked, TEXTS[::-1], CLASSES[::-1], SCALE)
    assert turned == pytest.approx(with_nearest_texts(alone, asked, TEXTS, CLASSES, SCALE))


def test_a_text_of_no_class_says_nothing() -> None:
    asked = _around(4, 45)
    alone = _by_means(asked)
    texts, classes = np.concatenate([TEXTS, _around(4)]), np.array([*CLASSES, -1])
    found = with_nearest_texts(alone, asked, texts, classes, SCALE)
    assert found == pytest.approx(with_nearest_texts(alone, asked, TEXTS, CLASSES, SCALE))
    none = with_nearest_texts(alone, asked, TEXTS, np.full(len(TEXTS), -1), SCALE)
    assert none.tolist() == alone.tolist()
