from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from apps.customer_service.importing.mining.answers import choose_answer
from apps.customer_service.importing.mining.clusters import cluster
from apps.customer_service.importing.mining.duplicates import representatives
from apps.customer_service.importing.mining.evidence import weights
from apps.customer_service.importing.mining.facts import disagree, facts_of
from apps.customer_service.importing.schema import Exchange

DAY = 86_400.0


def _said(*replies: str, days: bool = True) -> list[Exchange]:
    return [
        Exchange("How?", reply, f"d{n}", f"log:{n}", time=n * DAY if days else None)
        for n, reply in enumerate(replies)
    ]


def _chosen(said: list[Exchange]) -> tuple[str, list[str]]:
    vectors = np.ones((len(said), 1), np.float32)
    found = choose_answer(said, weights(said, [1.0] * len(said)), vectors)
    return said[found.place].reply, found.flags


def test_the_newest_price_is_taken_and_the_older_one_is_flagged() -> None:
    said = _said("It costs $9 a month.", "The plan is $9.", "It costs $11 a month.")
    assert _chosen(said) == ("It costs $11 a month.", ["outdated"])


def test_amounts_named_side_by_side_contradict_and_the_most_evidence_decides() -> None:
    said = _said("You have 30 days.", "You have 14 days.", "You have 30 days.", "Within a month.")
    assert _chosen(said) == ("You have 30 days.", ["contradiction"])


def test_yes_and_no_contradict() -> None:
    said = _said("可以退。", "不可以退。", "可以的，能退。", days=False)
    assert _chosen(said)[1] == ["contradiction"]


def test_the_same_in_other_words_does_not_contradict() -> None:
    assert _chosen(_said("七天内可以退。", "7天之内可以退货。", "一周内能退。"))[1] == []


def test_resolution_thanks_and_coming_back_weigh() -> None:
    plain = Exchange("How?", "So.", "d0", "log:0", time=0.0, customer="ann")
    again = replace(plain, dialogue_id="d1", time=DAY, is_thanked=True, is_resolved=True)
    first, second = weights([plain, again], [1.0, 1.0])
    assert first < weights([plain], [1.0])[0] < second


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("within two weeks", "14天内"),
        ("48 hours", "2 days"),
        ("$4.90", "4.9 dollars"),
        ("1,000元", "1000块"),
        ("from 9 am", "9:00"),
        ("十五个工作日", "15天"),
        ("free of charge", "免费"),
    ],
)
def test_amounts_are_the_same_in_any_spelling(one: str, other: str) -> None:
    assert facts_of(one)
    assert facts_of(one) == facts_of(other)


def test_amounts_of_one_kind_disagree() -> None:
    assert disagree(facts_of("3 to 5 days, $4"), facts_of("7 days, $4")) == {"time"}
    assert not disagree(facts_of("3 to 5 days"), facts_of("5 days, $4"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("一百八十天内", "180天内"),
        ("三百六十五天", "365 days"),
        ("一百零五天", "105 days"),
        ("下午3点", "15:00"),
        ("晚上8点半", "8:30 pm"),
        ("上午9:00开门", "9 am"),
        ("12 am", "0:00"),
        ("up to $2000", "$2,000"),
    ],
)
def test_hundreds_afternoons_and_round_sums_are_read(one: str, other: str) -> None:
    assert facts_of(one)
    assert facts_of(one) == facts_of(other)


def test_clusters_depend_on_no_chance() -> None:
    random = np.random.default_rng(0)
    centres = random.normal(size=(5, 32)).astype(np.float32)
    vectors = np.repeat(centres, 20, axis=0) + 0.1 * random.normal(size=(100, 32))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    labels = cluster(vectors, np.ones(100, np.float32), 0.8)
    assert labels.tolist() == [n for n in range(5) for _ in range(20)]


def test_near_duplicates_are_read_once() -> None:
    long = "How can I change the delivery address of an order that I placed this morning"
    texts = [f"{long}?", f"{long}??", f"{long} please", "How?", "Why?"]
    stand = representatives(texts)
    assert stand[0] == stand[1]
    assert stand[3:] == ["How?", "Why?"]
    assert set(representatives(texts[::-1])) == set(stand)
