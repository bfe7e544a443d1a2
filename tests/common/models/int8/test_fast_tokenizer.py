"""Token ids without transformers are those with it."""

from __future__ import annotations

from pathlib import Path

from common.models.encoder import load_encoder
from common.models.int8.reader import FastTokenizer
from common.models.sources.bundled import Source

TEXTS = ["ab cd", "a b c d e f g h", "", "x " * 200, "card 💳 lost"]


def test_texts_have_the_ids_that_the_encoder_gives_them(tiny_model: Path) -> None:
    encoder = load_encoder(Source("tiny", tiny_model))
    fast = FastTokenizer(
        tiny_model / "tokenizer.json",
        max_length=encoder.max_length,
        unknown=encoder.tokenizer.unk_token_id,
        padding=encoder.tokenizer.pad_token_id,
    )
    prepared = encoder.prepared(TEXTS)
    found = fast.padded(fast.ids(prepared))
    wanted = encoder.tokenize(TEXTS)
    assert found.keys() == wanted.keys()
    for name, values in found.items():
        assert values.tolist() == wanted[name].tolist()
    assert fast("ab", add_special_tokens=False)["input_ids"] == fast("ab")["input_ids"][1:-1]
