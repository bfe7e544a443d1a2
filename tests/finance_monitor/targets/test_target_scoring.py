"""Every company of a story is judged by what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.finance_monitor.rules.schema import StoryRules
from apps.finance_monitor.schema import FeedRecord, ScoredRecord, SentimentScore
from apps.finance_monitor.stories.classifying import Classifier
from apps.finance_monitor.stories.companies import Entity, EntityList, companies_in
from apps.finance_monitor.stories.network import Floats
from apps.finance_monitor.surges.keys import company_key, keys_of
from common.rules.live import LiveRules

LISTED = EntityList(
    [
        Entity(name="Alba", references=["the lender"]),
        Entity(name="Borel Motors", aliases=["Borel"]),
    ]
)
# As in `SENTIMENTS`.
GOOD, BAD = [4.0, 0.0, 0.0], [0.0, 0.0, 4.0]


class Network:
    """Every text is good news; of a company it is, where that is the first in the text."""

    has_many_topics = False

    def __init__(self, *, has_targets: bool = True, has_sentiment: bool = True) -> None:
        self.has_targets, self.has_sentiment = has_targets, has_sentiment
        self.asked: list[str] = []

    @property
    def trained(self) -> Any:
        raise AssertionError("the weights are not needed")

    def outputs(self, texts: Sequence[str]) -> dict[str, Floats]:
        self.asked += texts
        targets = [GOOD if text.startswith("{") else BAD for text in texts]
        found = {"target_logits": np.float32(targets)}
        if self.has_sentiment:
            found["sentiment_logits"] = np.float32([GOOD] * len(texts))
        return found


def _score(classifier: Classifier, text: str) -> ScoredRecord:
    record = FeedRecord(published_at=datetime(2026, 1, 1, tzinfo=UTC), text=text)
    [scored] = classifier.score([record], [companies_in(record, LISTED)])
    return scored


def test_of_several_companies_each_is_asked_about_where_the_text_speaks_of_it() -> None:
    network = Network()
    scored = _score(Classifier("one", network, []), "Alba beats Borel; the lender is glad")
    assert network.asked[1:] == [
        "{Alba} beats Borel; {the lender} is glad",
        "Alba beats {Borel}; the lender is glad",
    ]
    found = [(one.entity, one.sentiment) for one in scored.targets]
    assert found == [("Alba", "positive"), ("Borel Motors", "negative")]
    keys = keys_of(scored)
    assert keys[company_key("Alba")] == keys["market"] == "positive"
    assert keys[company_key("Borel Motors")] == "negative"


def test_of_the_only_company_the_sentiment_of_the_text_is_said() -> None:
    network = Network()
    scored = _score(Classifier("one", network, []), "They say Borel does well")
    assert [(one.entity, one.sentiment) for one in scored.targets] == [("Borel Motors", "positive")]
    assert len(network.asked) == 1


@pytest.mark.parametrize("has_sentiment", [True, False])
def test_a_rule_that_forces_a_sentiment_speaks_of_the_only_company(
    tmp_path: Path, has_sentiment: bool
) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(
        '[[rule]]\nname = "recall"\nwhen = { any = ["recall"] }\naction = "force"\n'
        'sentiment = "negative"\n',
        encoding="utf-8",
    )
    rules = LiveRules(path, StoryRules)
    classifier = Classifier("one", Network(has_sentiment=has_sentiment), [], rules=rules)
    scored = _score(classifier, "Borel plans a recall")
    assert [(one.entity, one.sentiment) for one in scored.targets] == [("Borel Motors", "negative")]
    assert keys_of(scored)[company_key("Borel Motors")] == "negative"


def test_of_each_company_all_probabilities_are_told() -> None:
    alba, borel = _score(Classifier("one", Network(), []), "Alba beats Borel").targets
    assert alba.probabilities["positive"] == borel.probabilities["negative"] > 0.9
    assert sum(alba.probabilities.values()) == pytest.approx(1, abs=0.001)


@pytest.mark.parametrize("text", ["Alba beats Borel", "Alba alone"])
def test_of_a_company_nothing_is_said_where_the_model_is_in_two_minds(text: str) -> None:
    unsure = dict.fromkeys(("sentiment", "target"), 0.99)
    scored = _score(Classifier("one", Network(), [], abstain_below=unsure), text)
    assert {one.sentiment for one in scored.targets} == {None}
    assert all(one.probabilities for one in scored.targets)
    assert not any(keys_of(scored).values())


def test_who_abstains_of_a_company_does_not_say_of_it_what_the_text_says() -> None:
    classifier = Classifier("one", Network(), [], abstain_below={"target": 0.99})
    scored = _score(classifier, "Alba beats Borel")
    assert scored.sentiment.label == "positive"
    assert scored.sentiment_towards("Alba").label is None
    assert scored.sentiment_towards("Cinder").label == "positive"


def test_a_story_of_an_older_store_is_read() -> None:
    scored = _score(Classifier("one", Network(), []), "Alba beats Borel")
    kept = scored.model_dump(mode="json")
    for target in kept["targets"]:
        del target["probabilities"]
    read = ScoredRecord.model_validate(kept)
    assert read.sentiment_towards("Borel Motors").label == "negative"
    assert read.sentiment_towards("Borel Motors").probabilities == {}
    # The text has the label of Alba, and so its probability.
    assert read.sentiment_towards("Alba") == read.sentiment != SentimentScore(probabilities={})


class Falls(Network):
    """It is bad news where shares fall, and where Fallon is not pointed at."""

    def outputs(self, texts: Sequence[str]) -> dict[str, Floats]:
        bad = ["fall;" in text or "{fallon}" not in text.lower() for text in texts]
        targets = [BAD if one else GOOD for one in bad]
        return {"sentiment_logits": np.float32(targets), "target_logits": np.float32(targets)}


def test_a_word_within_a_companys_name_may_be_a_reason() -> None:
    text = "Fallon: its shares fall; Borel gains"
    named = {"Fallon": [(0, 6)], "Borel": [(25, 30)]}
    words = Classifier("one", Falls(), []).negative_words(text, "Fallon", named)
    # The name must stay whole where that word is left out.
    assert words == ["fall"]


@pytest.mark.parametrize("text", ["Alba and Borel", "Alba alone"])
def test_a_release_that_learned_no_targets_tells_none(text: str) -> None:
    assert _score(Classifier("one", Network(has_targets=False), []), text).targets == []
