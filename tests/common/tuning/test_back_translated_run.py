from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from toy import WORDS, ToyTask
from transformers import AutoTokenizer, T5Config, T5ForConditionalGeneration

from common.errors import UserError
from common.models.encoder import load_encoder
from common.models.sources.bundled import Source
from common.records.splits import Splits
from common.tuning import trainer
from common.tuning.augmentation.back_translation import FILE, back_translate
from common.tuning.finetune import finetune
from common.tuning.settings import Settings


@pytest.fixture(scope="module")
def translator(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random sequence-to-sequence model that reads and writes letters."""
    directory = tmp_path_factory.mktemp("translator")
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    ids = {"pad_token_id": 0, "eos_token_id": 3, "decoder_start_token_id": 0}
    torch.manual_seed(0)
    config = T5Config(vocab_size=len(tokenizer), **sizes, **ids)
    T5ForConditionalGeneration(config).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def test_only_training_texts_are_translated_and_none_is_kept(
    tiny_model: Path, translator: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: dict[str, Any] = {}

    def noted(texts: Any, models: str, folder: Path, device: torch.device) -> dict[str, str]:
        usable = back_translate(texts, models, folder, device)
        found.update(texts=texts, lines=(folder / FILE).read_text().split("\n"))
        return usable

    monkeypatch.setattr(trainer, "back_translate", noted)
    given = Settings(
        epochs=1, precision="fp32", device="cpu", back_translation=f"{translator},{translator}"
    )
    encoder = load_encoder(Source("tiny", tiny_model))
    splits = Splits(WORDS[:12], WORDS[12:], [])
    finetune(ToyTask(), encoder, splits, given, work=tmp_path / "work")
    assert sorted(found["texts"]) == sorted(WORDS[:12])
    assert len([line for line in found["lines"] if line]) == 12
    assert not (tmp_path / "work" / FILE).exists()


def test_what_has_no_single_texts_is_told(
    tiny_model: Path, translator: Path, tmp_path: Path
) -> None:
    class Textless(ToyTask):
        def input(self, record: str) -> str:
            return ""

    given = Settings(device="cpu", back_translation=f"{translator},{translator}")
    encoder = load_encoder(Source("tiny", tiny_model))
    with pytest.raises(UserError, match="single texts"):
        finetune(Textless(), encoder, Splits(WORDS, [], []), given, work=tmp_path / "work")
