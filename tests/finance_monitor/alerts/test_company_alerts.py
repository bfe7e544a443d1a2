"""An alert of a company is about what is said of that company, whatever the texts say of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from news import quiet_then_surge, story, towards

from apps.finance_monitor.alerts.operations import cases
from apps.finance_monitor.schema import ScoredRecord
from apps.finance_monitor.store import Store
from apps.finance_monitor.stories.classifying import Classifier
from apps.finance_monitor.stories.companies import Entity, EntityList
from apps.finance_monitor.stories.network import Floats
from apps.finance_monitor.surges.alert import Evidence
from apps.finance_monitor.surges.budget import parse_budget
from apps.finance_monitor.watch.follow import Watch
from apps.finance_monitor.watch.monitor import Rules

LISTED = EntityList([Entity(name="Alba"), Entity(name="Borel")])


class Network:
    """Texts are bad news where something "soars", companies where something "plunges"."""

    has_sentiment = has_targets = True
    has_many_topics = False

    @property
    def trained(self) -> Any:
        raise AssertionError("the weights are not needed")

    def outputs(self, texts: Sequence[str]) -> dict[str, Floats]:
        return {
            "sentiment_logits": np.float32([_bad_where("soars" in text) for text in texts]),
            "target_logits": np.float32(
                [_bad_where("plunges" in text and "{alba}" in text.lower()) for text in texts]
            ),
        }


def _bad_where(is_bad: bool) -> list[float]:
    return [0.0, 0.0, 4.0] if is_bad else [4.0, 0.0, 0.0]


def _split(identity: str, hours: float, negative: float) -> ScoredRecord:
    text = f"{identity} Alba plunges as Borel soars"
    one = story(identity, hours, "positive", entities=("Alba", "Borel"), text=text)
    one.sentiment.probabilities["negative"] = 1 - negative
    one.targets = towards(Alba="negative", Borel="positive")
    one.targets[0].probabilities["negative"] = negative
    return one


def _evidence(stories: Sequence[ScoredRecord]) -> list[Evidence]:
    store = Store(None)
    rules = Rules(parse_budget("1 per 30d"))
    watch = Watch(store, rules, None, entities=LISTED, explainer=Classifier("one", Network(), []))
    watch.replay((one, None) for one in stories)
    [found] = [one.alert for one in cases(store, 9) if one.alert.fired_at]
    store.close()
    assert found.key == "company/Alba"
    return found.evidence


@pytest.mark.parametrize("most_read", [500, 5])
def test_its_stories_are_ordered_and_explained_by_what_they_say_of_it(
    most_read: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.finance_monitor.storylines.reading.MOST_READ", most_read)
    quiet = [one for one in quiet_then_surge() if one.id.startswith("q")]
    surge = [
        _split(f"s{hour}-{i}", 240 + hour + i / 12, 0.5 + 0.04 * i)
        for hour in range(8)
        for i in range(12)
    ]
    found = _evidence(sorted([*quiet, *surge], key=lambda one: one.published_at))
    assert [one.negative for one in found] == [0.94] * 5
    assert all(one.id.endswith("-11") for one in found)
    assert all(one.words == ["plunges"] for one in found)
