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


def write_tiny_causal(letters: Path, directory: Path) -> Path:
    """A random Llama of two layers, as wide as few bits ask for, with the words of `letters`."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(letters)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=96, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=64,
        tie_word_embeddings=True, eos_token_id=3,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(directory)
    tokenizer.eos_token = "[SEP]"
    tokenizer.save_pretrained(directory)
    return directory
