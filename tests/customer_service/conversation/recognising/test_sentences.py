"""What a sentence says by what is near to written examples."""

from __future__ import annotations

import numpy as np
import pytest

from apps.customer_service.answers.answering import Understood
from apps.customer_service.conversation.kinds import KINDS, Floats, Recognised, Recogniser
from apps.customer_service.conversation.message import take_apart
from apps.customer_service.conversation.patterns import load_patterns
from apps.customer_service.conversation.recognising.fragments import Fragments
from apps.customer_service.conversation.recognising.sentences import Sentences


def recogniser(**probabilities: float) -> Recogniser:
    """One that gives each text these probabilities, and the rest to questions."""
    classes = [*KINDS, "nonsense", "off_topic", "question", "urgent"]
    rest = 1 - sum(probabilities.values())
    shares = [probabilities.get(kind, rest if kind == "question" else 1e-9) for kind in classes]
    return Recogniser(
        classes=classes,
        weights=np.zeros((len(classes), 1), dtype=np.float32),
        spellings=None,
        spelling_weights=np.empty((0, 0), dtype=np.float32),
        offsets=np.log(np.array(shares, dtype=np.float32)),
        fragments=Fragments(np.zeros(1, dtype=np.float32), -np.inf),
    )


@pytest.mark.parametrize(
    ("mood", "chat", "kind"),
    [(0.5, 0.4, "smalltalk"), (0.6, 0.3, "angry")],
)
def test_what_is_nearly_as_probably_said_in_passing_is_no_mood(
    mood: float, chat: float, kind: str
) -> None:
    said = recogniser(angry=mood, smalltalk=chat).recognise("", np.zeros(1, dtype=np.float32))
    assert said.kind == kind
    assert said.certainty == pytest.approx(mood + chat, abs=1e-3)


@pytest.mark.parametrize(("off_topic", "nonsense"), [(0.2, 0.3), (0.45, 0.01), (0.01, 0.45)])
def test_what_is_likelier_off_topic_or_nonsense_tells_nothing(
    off_topic: float, nonsense: float
) -> None:
    said = recogniser(smalltalk=0.4, off_topic=off_topic, nonsense=nonsense)
    found = said.recognise("", np.zeros(1, dtype=np.float32))
    assert not found.tells
    assert found.aside == pytest.approx(off_topic + nonsense, abs=1e-3)
    assert recogniser(smalltalk=0.5, off_topic=0.45).recognise("", np.zeros(1, np.float32)).tells


@pytest.mark.parametrize(
    ("probabilities", "mood"),
    [({"angry": 0.9}, "angry"), ({"angry": 0.6}, None), ({"smalltalk": 0.9}, None)],
)
def test_who_asks_something_is_in_a_mood_only_where_that_is_clear(
    probabilities: dict[str, float], mood: str | None
) -> None:
    patterns = load_patterns()
    message = take_apart("the transfer is still not there", [], {}, patterns)
    understood = {message.question: Understood(np.zeros(1, dtype=np.float32), {}, 0.0)}
    said = Sentences(recogniser(**probabilities), patterns, understood)
    assert said.mood(message) == mood


def test_each_text_of_a_message_is_recognised_once() -> None:
    asked: list[str] = []

    class Counting(Recogniser):
        def recognise(self, text: str, vector: Floats) -> Recognised:
            asked.append(text)
            return super().recognise(text, vector)

    counting = Counting(**vars(recogniser(smalltalk=0.4)))
    patterns = load_patterns()
    message = take_apart("my card is gone, please help", [], {}, patterns)
    understood = dict.fromkeys(message.texts, Understood(np.zeros(1, dtype=np.float32), {}, 0.0))
    said = Sentences(counting, patterns, understood)
    said.urgency(message)
    said.mood(message)
    assert message.question in asked
    assert len(asked) == len(set(asked))
