from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from apps.customer_service.answers.confidence import features
from apps.customer_service.answers.retrieval import Floats, Variant, VariantIndex
from common.records.text import normalise, words

FAQS = {
    "zh-lost": ["信用卡丢了怎么办", "銀行卡遺失如何掛失"],
    "zh-rate": ["房贷利率是多少", "按揭利息怎么算"],
    "en-lost": ["What if my card is lost?", "someone stole my card"],
    "en-rate": ["What is the mortgage rate?", "interest on a home loan"],
}
WIDTH = 64


def _vector(text: str) -> Floats:
    """Words thrown into buckets: near where words are shared, whatever the script."""
    vector = np.zeros(WIDTH, np.float32)
    for word in words(text):
        vector[int(hashlib.md5(word.encode()).hexdigest(), 16) % WIDTH] += 1
    return vector / max(float(np.linalg.norm(vector)), 1e-6)


def _index(tags: Mapping[str, str]) -> VariantIndex:
    variants = [
        Variant(normalise(text), faq_id, tags[faq_id[:2]])
        for faq_id, texts in FAQS.items()
        for text in texts
    ]
    vectors = np.stack([_vector(variant.text) for variant in variants])
    prototypes = {"zh-lost": _vector("信用卡丢了怎么办")}
    return VariantIndex.build(variants, vectors, prototypes)


@pytest.fixture
def index() -> VariantIndex:
    return _index({"zh": "zh", "en": "en"})


def test_a_language_is_the_same_in_every_country(index: VariantIndex) -> None:
    tagged = _index({"zh": "zh-CN", "en": "en-US"})
    for question, language in (("我的信用卡丢了", "zh"), ("my card is lost", "en")):
        vector = _vector(question)
        found = index.search(question, vector, language=language)
        assert found[0].faq_id == f"{language}-lost"
        assert tagged.search(question, vector, language=language) == found
        assert tagged.search(question, vector, language=f"{language}-GB") == found


def _search(index: VariantIndex, question: str, **options: object) -> list[str]:
    text = normalise(question)
    return [c.faq_id for c in index.search(text, _vector(text), **options)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("question", "faq_id"),
    [
        ("信用卡遺失怎麼辦", "zh-lost"),
        ("银行卡遗失，如何挂失", "zh-lost"),
        ("房貸利率", "zh-rate"),
        ("card stolen", "en-lost"),
        ("home loan interest", "en-rate"),
    ],
)
def test_both_scripts_find_the_faq_whichever_it_was_written_in(
    index: VariantIndex, question: str, faq_id: str
) -> None:
    assert _search(index, question)[0] == faq_id


def test_every_variant_finds_its_faq(index: VariantIndex) -> None:
    for faq_id, texts in FAQS.items():
        for text in texts:
            assert _search(index, text)[0] == faq_id


def test_an_faq_stands_in_the_ranking_once_and_scores_fall(index: VariantIndex) -> None:
    text = "card lost rate 信用卡"
    found = index.search(text, _vector(text))
    assert len({c.faq_id for c in found}) == len(found)
    assert [c.score for c in found] == sorted((c.score for c in found), reverse=True)
    assert all(0 <= c.lexical < 1 and 0 <= c.neighbours <= 1 for c in found)


def test_who_asks_finds_their_own_language_first(index: VariantIndex) -> None:
    found = _search(index, "信用卡丢了", language="zh")
    assert found[0] == "zh-lost"
    assert {i[:2] for i in found} == {"zh", "en"}
    assert _search(index, "my card is lost", language="en")[0] == "en-lost"
    assert {i[:2] for i in _search(index, "card 信用卡", language="fr")} == {"zh", "en"}


TOPICS = 6


def _said(topic: int, language: str, seed: int = 0) -> Floats:
    """As a multilingual encoder has it: the language counts for more than what is said."""
    vector = np.random.default_rng(seed).normal(scale=0.05, size=TOPICS + 1)
    vector[topic] += 1
    vector[TOPICS] += 2 if language == "zh" else -2
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def _multilingual(*faqs: tuple[int, str]) -> VariantIndex:
    variants = [
        Variant(f"{one}{n}", f"{one}-{topic}", one) for topic, one in faqs for n in range(3)
    ]
    vectors = np.stack([_said(topic, one, n) for topic, one in faqs for n in range(3)])
    return VariantIndex.build(variants, vectors, {"en-0": _said(0, "en", 3)})


EVERYTHING = [(topic, language) for topic in range(TOPICS) for language in ("en", "zh")]


def test_what_there_is_in_another_language_alone_is_found() -> None:
    index = _multilingual(*[faq for faq in EVERYTHING if faq != (0, "zh")])
    for topic in range(TOPICS):
        first = index.search("", _said(topic, "zh", 9), language="zh")[0]
        assert first.faq_id == ("en-0" if topic == 0 else f"zh-{topic}")
        assert first.is_foreign == (topic == 0)
    hidden = index.without("en-0").search("", _said(0, "zh", 9), language="zh")
    assert "en-0" not in {one.faq_id for one in hidden}


@pytest.mark.parametrize("own", [1, 2, 3])
def test_the_first_faqs_in_a_language_hide_none_of_the_others(own: int) -> None:
    """As after a live edit or two."""
    own_language = [(topic, "zh") for topic in range(own)]
    index = _multilingual(*own_language, *((topic, "en") for topic in range(TOPICS)))
    found = index.search("", _said(4, "zh", 9), language="zh")
    assert found[0].faq_id == "en-4"
    assert sum(one.is_foreign for one in found[:3]) < 3 or own == 1


def test_what_another_language_says_changes_nothing_about_the_own() -> None:
    alone = _multilingual(*((topic, "zh") for topic in range(TOPICS)))
    whole = _multilingual(*EVERYTHING)
    vector = _said(2, "zh", 9)
    before, after = (one.search("", vector, language="zh") for one in (alone, whole))
    assert [one for one in after if not one.is_foreign] == before
    assert len(after) > len(before)
    assert features(after, {}, 0.0, {}) == pytest.approx(features(before, {}, 0.0, {}))


def test_words_alone_find_what_the_vectors_miss(index: VariantIndex) -> None:
    away = np.zeros(WIDTH, np.float32)
    assert index.search("按揭利息", away)[0].faq_id == "zh-rate"


@pytest.mark.parametrize("question", ["", "!!!", '"(AND OR', "text:card^", "NOT", "卡" * 500])
def test_no_question_breaks_the_search(index: VariantIndex, question: str) -> None:
    assert len(_search(index, question, top_k=3)) <= 3


def test_an_index_is_read_back(index: VariantIndex, tmp_path: Path) -> None:
    index.save(tmp_path)
    again = VariantIndex.load(tmp_path, index.variants, {"zh-lost": _vector("信用卡丢了怎么办")})
    question = normalise("銀行卡丟了")
    assert again.search(question, _vector(question)) == index.search(question, _vector(question))


def test_a_large_index_finds_the_same_first() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(20_500, WIDTH)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    variants = [Variant(f"v{n}", f"faq-{n}", "en") for n in range(len(vectors))]
    index = VariantIndex.build(variants, vectors, {})
    asked = range(0, len(vectors), 500)
    found = [index.search("", vectors[n], top_k=1)[0].faq_id == f"faq-{n}" for n in asked]
    assert np.mean(found) >= 0.9


def test_an_faq_left_out_is_found_by_nothing(index: VariantIndex) -> None:
    for faq_id, texts in FAQS.items():
        left_out = index.without(faq_id)
        for text in texts:
            assert faq_id not in _search(left_out, text)
            assert _search(left_out, text)
            assert _search(index, text)[0] == faq_id


def test_a_known_wording_is_found_whatever_its_case_and_punctuation(index: VariantIndex) -> None:
    assert index.known("someone STOLE my card!!") == "en-lost"
    assert index.known("someone stole a card") is None
    assert index.without("en-lost").known("someone stole my card") is None
    shared = [Variant("the same", faq_id, "en") for faq_id in ("a", "b")]
    both = VariantIndex.build(shared, np.stack([_vector("same")] * 2), {})
    assert both.known("the same") is None
