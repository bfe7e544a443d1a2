from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel


@pytest.fixture(scope="module")
def causal(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random GPT-2 of two layers that reads letters."""
    directory = tmp_path_factory.mktemp("causal")
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model, model_max_length=1024)
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 1024}
    config = GPT2Config(vocab_size=len(tokenizer), eos_token_id=3, **sizes)
    GPT2LMHeadModel(config).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


@pytest.fixture(scope="module")
def approved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Replies about two FAQs of the sample data."""
    rows = [
        {
            "question": f"Number {number}: it is lost, and how do I activate the new one?",
            "sources": ["en-card-lost", "en-card-activate"],
            "reply": "Freeze the card straight away in the app under Cards > Freeze card. "
            "You can also activate it by using it once with your PIN at any cash machine.",
        }
        for number in range(20)
    ]
    path = tmp_path_factory.mktemp("approved") / "replies.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path
