from __future__ import annotations

import os
from pathlib import Path

import pytest

# Before torch is imported: two thread pools that spin against each other are slower than one.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["HF_HUB_OFFLINE"] = "1"

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]
PIECES = [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT of two layers and 32 dimensions that reads letters."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    directory = tmp_path_factory.mktemp("tiny-model")
    torch.manual_seed(0)
    words = directory / "vocab.txt"
    words.write_text("\n".join(VOCABULARY + PIECES), encoding="utf-8")
    tokenizer = BertTokenizerFast(vocab=str(words), model_max_length=64)
    config = BertConfig(
        vocab_size=len(VOCABULARY + PIECES),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory
