"""Words alone: what a linear model over hashed n-grams learns and says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from common.models.encoder import Encoder, load_encoder
from common.models.ngrams import fit_ngrams, hashed_ngrams
from common.models.sources.bundled import Source

TEXTS = ["ab cd", "ab ef", "gh cd", "gh ef", "ij cd", "ij kl"]
LABELS = torch.tensor([0, 0, 1, 1, 2, 2])


@pytest.fixture
def backbone(tiny_model: Path) -> Encoder:
    return load_encoder(Source("tiny", tiny_model))


def test_a_word_is_known_again_beside_other_words(backbone: Encoder) -> None:
    model = fit_ngrams(backbone, TEXTS, LABELS)
    assert model.read(backbone, TEXTS).argmax(-1).tolist() == LABELS.tolist()
    assert model.read(backbone, ["kl ab", "ef ef gh", "zz ij yy"]).argmax(-1).tolist() == [0, 1, 2]


def test_several_classes_may_be_right_or_none(backbone: Encoder) -> None:
    members = torch.tensor([[1, 0], [1, 0], [0, 1], [0, 1], [1, 1], [0, 0]])
    found = fit_ngrams(backbone, TEXTS, members).read(backbone, TEXTS)
    assert (found > 0).long().tolist() == members.tolist()


def test_two_classes_have_two_logits(backbone: Encoder) -> None:
    model = fit_ngrams(backbone, TEXTS[:4], LABELS[:4])
    found = model.read(backbone, TEXTS[:4])
    assert found.shape == (4, 2)
    assert found.argmax(-1).tolist() == LABELS[:4].tolist()


def test_a_class_without_an_example_says_nothing(backbone: Encoder) -> None:
    members = torch.tensor([[1, 0], [1, 0], [0, 0], [0, 0], [0, 0], [0, 0]])
    assert fit_ngrams(backbone, TEXTS, members).read(backbone, TEXTS)[:, 1].tolist() == [0.0] * 6


def test_padding_changes_nothing_and_order_does(backbone: Encoder) -> None:
    model = fit_ngrams(backbone, TEXTS, LABELS)
    alone = model.read(backbone, ["ab cd"])
    beside = model.read(backbone, ["ab cd", "a much longer text than that"])
    torch.testing.assert_close(beside[:1], alone)
    tokens = backbone.tokenize(["ab cd", "cd ab"])
    numbers, real = hashed_ngrams(**tokens, buckets=2**17)
    assert real.all()
    assert set(numbers[0].tolist()) != set(numbers[1].tolist())


def test_beside_another_model_a_rare_class_is_not_held_down(backbone: Encoder) -> None:
    model = fit_ngrams(backbone, TEXTS, torch.tensor([[0], [0], [0], [0], [0], [1]]))
    found = model.read(backbone, TEXTS)
    added = model.beside_another(found.mean(0), 0.5).read(backbone, TEXTS)
    torch.testing.assert_close(added.mean(0), torch.zeros(1), atol=1e-5, rtol=0)
    torch.testing.assert_close(added, (found - found.mean(0)) / 2)
    assert added.argmax() == 5
