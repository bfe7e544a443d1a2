"""Whether a message is worded as a part of what was said before."""

from __future__ import annotations

import numpy as np

from apps.customer_service.conversation.recognising.fragments import Fragments

FRAGMENTS = np.array([[1.0, 0.0], [0.9, 0.1]] * 10, dtype=np.float32)
QUESTIONS = np.array([[0.0, 1.0], [0.1, 0.9]] * 10, dtype=np.float32)


def test_what_is_near_to_fragments_is_one_and_what_is_near_to_questions_is_none() -> None:
    learned = Fragments.fit(FRAGMENTS, QUESTIONS)
    kept = Fragments.from_arrays(learned.to_arrays())
    for one in (learned, kept):
        assert one.probability(FRAGMENTS[0]) > 0.8
        assert one.probability(QUESTIONS[0]) < 0.2


def test_without_questions_nothing_is_taken_for_a_part() -> None:
    learned = Fragments.fit(FRAGMENTS, np.empty((0, 2), dtype=np.float32))
    assert Fragments.from_arrays(learned.to_arrays()).probability(FRAGMENTS[0]) == 0
