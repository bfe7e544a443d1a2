"""A backbone goes on learning from texts alone, by every method, and stays a backbone."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoTokenizer,
    DistilBertConfig,
    DistilBertModel,
    GPT2Config,
    GPT2LMHeadModel,
)

from common.errors import UserError
from common.models.encoder import load_encoder
from common.models.generator import load_generator
from common.models.sources.bundled import locate
from common.models.sources.facts import write_prompts
from common.records.splits import Splits
from common.tuning.pretraining.choices import check_choices
from common.tuning.pretraining.pretrain import Pretrained, pretrain
from common.tuning.pretraining.texts import Texts, read_texts
from common.tuning.pretraining.tsdae import delete_tokens
from common.tuning.settings import Settings

METHODS = ("mlm", "simcse", "tsdae")
FAST = {"epochs": 4, "batch_size": 8, "learning_rate": 3e-3, "precision": "fp32", "device": "cpu"}


def _texts() -> Texts:
    """Words that go in pairs: who sees one can foretell the other."""
    draw = random.Random(0)
    pairs = ("ab cd", "ef gh", "ij kl", "mn op")
    made = [" ".join(draw.choice(pairs) for _ in range(4)) for _ in range(120)]
    return Texts(Splits(made[:100], made[100:], []), 0, {"texts.txt": "abc"})


def _learn(
    model: Path, method: Any, out: Path, *, resume: bool = False, **settings: Any
) -> Pretrained:
    chosen = Settings(**{**FAST, **settings})
    found = pretrain(
        _texts(),
        chosen,
        backbone=str(model),
        method=method,
        out=out,
        root=out.parent / "root",
        resume=resume,
    )
    assert found is not None
    return found


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    directory = shutil.copytree(tiny_model, tmp_path / "backbone")
    write_prompts(directory, "q : ", "p : ")
    return directory


@pytest.mark.parametrize("method", METHODS)
def test_what_is_held_out_is_foretold_better(method: str, model: Path, tmp_path: Path) -> None:
    found = _learn(model, method, tmp_path / "out")
    assert found.after["loss"] < 0.97 * found.before["loss"]


@pytest.mark.parametrize("method", METHODS)
def test_it_is_written_as_a_backbone_with_all_that_is_true_of_it(
    method: str, model: Path, tmp_path: Path
) -> None:
    _learn(model, method, tmp_path / "out", epochs=1)
    before, after = load_encoder(locate(str(model))), load_encoder(locate(str(tmp_path / "out")))
    assert after.source.query_prefix == "q : "
    assert after.source.passage_prefix == "p : "
    assert (after.max_length, after.dimension) == (before.max_length, before.dimension)
    assert type(after.network) is type(before.network)
    name = "encoder.layer.0.attention.self.query.weight"
    assert not torch.equal(after.network.state_dict()[name], before.network.state_dict()[name])


@pytest.mark.parametrize("method", METHODS)
def test_lora_is_folded_in(method: str, model: Path, tmp_path: Path) -> None:
    found = _learn(model, method, tmp_path / "out", strategy="lora", learning_rate=1e-2)
    assert found.after["loss"] < found.before["loss"]
    names = load_encoder(locate(str(tmp_path / "out"))).network.state_dict()
    assert not any("lora" in name for name in names)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_run_resumes_from_its_checkpoints(
    method: Any, model: Path, tmp_path: Path, steps: list[int]
) -> None:
    first = _learn(model, method, tmp_path / "first", epochs=2)
    assert steps
    steps.clear()
    again = _learn(model, method, tmp_path / "again", epochs=2, resume=True)
    assert again.after == pytest.approx(first.after, rel=1e-5)
    weights = [
        load_encoder(locate(str(tmp_path / name))).network.state_dict()
        for name in ("first", "again")
    ]
    for name, tensor in weights[0].items():
        torch.testing.assert_close(weights[1][name], tensor)
    assert not steps


def test_a_causal_model_learns_the_next_token(tiny_model: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64}
    network = GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), eos_token_id=3, **sizes))
    network.save_pretrained(tmp_path / "causal")
    tokenizer.save_pretrained(tmp_path / "causal")
    with pytest.raises(UserError, match="left to right"):
        _learn(tmp_path / "causal", "mlm", tmp_path / "out")
    found = _learn(tmp_path / "causal", None, tmp_path / "out")
    assert found.method == "clm"
    assert found.after["perplexity"] < 0.8 * found.before["perplexity"]
    assert load_generator(locate(str(tmp_path / "out"))).max_length == 64


def test_an_encoder_that_cannot_decode_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    config = DistilBertConfig(
        vocab_size=len(tokenizer), dim=32, n_layers=1, n_heads=2, hidden_dim=64
    )
    DistilBertModel(config).save_pretrained(tmp_path / "distilled")
    tokenizer.save_pretrained(tmp_path / "distilled")
    with pytest.raises(UserError, match="'distilbert' cannot decode"):
        _learn(tmp_path / "distilled", "tsdae", tmp_path / "out")


@pytest.mark.parametrize(
    ("method", "settings", "said"),
    [
        (None, {"strategy": "head"}, "it would be frozen"),
        (None, {"contrastive_epochs": 1}, "make no pairs"),
        ("simcse", {"dropout": 0.0}, "would be the same"),
    ],
)
def test_settings_without_sense_are_refused(
    method: Any, settings: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=said):
        check_choices(method, Settings(**settings), tmp_path / "out")
    with pytest.raises(UserError, match="there already"):
        check_choices(None, Settings(), tmp_path)


def test_deleted_tokens_leave_the_frame_and_one_word() -> None:
    special = torch.tensor([0, 2, 3])
    ids = torch.tensor([[2, *range(5, 45), 3], [2, 7, 3, *[0] * 39]])
    mask = (ids != 0).long()
    left, left_mask = delete_tokens(ids, mask, special, 0, is_training=False)
    assert left[1, :3].tolist() == [2, 7, 3]
    assert left_mask[1].sum() == 3
    kept = left[0][left_mask[0].bool()].tolist()
    assert kept[0] == 2
    assert kept[-1] == 3
    assert 8 <= len(kept) - 2 <= 24
    assert kept[1:-1] == sorted(kept[1:-1])


def test_texts_are_masked_and_read_once(tmp_path: Path) -> None:
    lines = [f"Story number {n} of the day" for n in range(20)]
    (tmp_path / "lines.txt").write_text(
        "\n".join([*lines, "", "story number 3 of the day!", "write to jo@example.com"])
    )
    (tmp_path / "table.csv").write_text("headline,n\nStory number 4 of the day,1\nOne more,2\n")
    found = read_texts(
        [tmp_path / "lines.txt", tmp_path / "table.csv"], mapping={"text": "headline"}
    )
    texts = [*found.splits.train, *found.splits.validation]
    assert len(texts) == 22
    assert found.duplicates == 2
    assert len(found.splits.validation) == 2
    assert "write to <email>" in texts


def test_too_few_texts_are_refused(tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("One\none!\nTwo\n")
    with pytest.raises(UserError, match="2 different texts"):
        read_texts([tmp_path / "lines.txt"], mapping={})
