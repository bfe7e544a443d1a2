"""Emoji are read as words where the tokenizer lacks them, and what stays unknown is counted."""

from __future__ import annotations

import pytest

from common.models.encoder import Encoder, load_encoder
from common.models.sources.bundled import locate


@pytest.fixture(scope="module")
def minilm() -> Encoder:
    return load_encoder(locate("minilm"))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("TSLA to the moon 🚀🚀", "TSLA to the moon rocket rocket"),
        ("特斯拉要起飞了🚀", "特斯拉要起飞了 火箭"),
        ("I ❤️ it", "I red heart it"),
        ("plain words → stay © as they are", "plain words → stay © as they are"),
        ("", ""),
    ],
)
def test_emoji_become_words_in_the_texts_language(minilm: Encoder, text: str, read: str) -> None:
    assert minilm.prepared([text]) == [read]


def test_no_emoji_reaches_the_model_as_unknown(minilm: Encoder) -> None:
    unknown = minilm.tokenizer.unk_token_id
    assert unknown not in minilm.tokenize(["down 📉 again 😡"])["input_ids"]
    assert minilm.token_counts(["🚀"]) == minilm.token_counts(["rocket"])


def test_a_tokenizer_that_knows_an_emoji_gets_it() -> None:
    assert load_encoder(locate("e5-small")).prepared(["go 🚀"]) == ["query: go 🚀"]


def test_what_no_word_stands_for_is_counted_and_shown(minilm: Encoder) -> None:
    found = minilm.symbols.unknown(["ꙮꙮ is unknown", "so is ꙮꙮ", "and 🚀 is not"])
    assert found is not None
    assert (found.code, found.count, found.examples) == ("unknown_tokens", 2, ["ꙮꙮ (2)"])
    assert minilm.symbols.unknown(["all of this is known"] * 50) is None
    assert minilm.symbols.unknown([]) is None
