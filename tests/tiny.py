"""An encoder that costs nothing: random, but whole."""

from __future__ import annotations

from pathlib import Path

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]
PIECES = [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]


def write_tiny_model(directory: Path) -> Path:
    """A random BERT of two layers and 32 dimensions that reads letters."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

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
