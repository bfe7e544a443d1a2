"""The vector of a text as it concerns one company."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from apps.finance_monitor.data import Example
from apps.finance_monitor.targets.pooling import target_pooling
from apps.finance_monitor.task import FinanceMonitorTask
from common.models.adapting.frozen_pooling import FrozenPooling
from common.models.encoder import Encoder, load_encoder
from common.models.int8.exporting import export_int8
from common.models.int8.reader import MODEL, OUTPUT
from common.models.sources.bundled import Source


@pytest.fixture
def backbone(tiny_model: Path, tmp_path: Path) -> Encoder:
    """One whose tokenizer has braces, the closing one also as a part of another token."""
    encoder = load_encoder(Source("tiny", tiny_model, "", ""))
    encoder.tokenizer.add_tokens(["{", "}", "3}"])
    encoder.network.resize_token_embeddings(len(encoder.tokenizer))
    return encoder


@torch.no_grad()
def test_half_of_the_vector_is_what_stands_in_braces(backbone: Encoder) -> None:
    network = backbone.network.eval()
    batch = backbone.tokenize(["a {b c} d {e 3} f", "a b"])
    tokens = backbone.tokenizer.convert_ids_to_tokens(batch["input_ids"][0].tolist())
    hidden = network(**batch).last_hidden_state
    ends = [tokens.index("{"), tokens.index("}"), tokens.index("{", 4), tokens.index("3}")]
    inside = [*range(ends[0], ends[1] + 1), *range(ends[2], ends[3] + 1)]
    expected = (hidden[0].mean(0) + hidden[0, inside].mean(0)) / 2
    found = target_pooling(backbone).eval()(**batch)
    torch.testing.assert_close(found[0], expected)
    plain = backbone.pooled().eval()(**batch)
    torch.testing.assert_close(found[1], plain[1])
    assert not torch.allclose(found[0], plain[0])


@torch.no_grad()
def test_a_brace_that_is_cut_off_reaches_no_padding(backbone: Encoder) -> None:
    alone = backbone.tokenize(["a {b c"])
    beside = backbone.tokenize(["a {b c", "a b c d e f a b c d e f"])
    pooling = target_pooling(backbone).eval()
    torch.testing.assert_close(pooling(**beside)[0], pooling(**alone)[0])


def test_a_frozen_encoder_is_pooled_in_the_same_way(backbone: Encoder) -> None:
    pooling = target_pooling(backbone)
    batch = backbone.tokenize(["a {b} c"])
    with torch.no_grad():
        expected = pooling.eval()(**batch)
    torch.testing.assert_close(FrozenPooling(pooling).train()(**batch), expected)


def test_what_is_exported_looks_at_the_braces_too(backbone: Encoder, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra `onnx`")
    examples = [Example("{a} rises b", target="positive"), Example("a {b}", target="negative")]
    module = FinanceMonitorTask(examples, []).build(backbone).eval()
    export_int8(module, backbone, tmp_path / MODEL, layers=False)
    session = onnxruntime.InferenceSession(tmp_path / MODEL)
    for text in ("a {b c} d {e 3} f", "a b c d", "a {b c"):
        batch = backbone.tokenize([text, "{a"])
        with torch.no_grad():
            ours = module(**batch)["target_logits"].numpy()
        given = {name: values.numpy() for name, values in batch.items()}
        [theirs] = session.run([f"{OUTPUT}target_logits"], given)
        assert theirs == pytest.approx(ours, abs=0.2)
