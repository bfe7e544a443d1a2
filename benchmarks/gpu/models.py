"""The bundled models, or where their weights are not installed, models of the same shape.

Those have random weights, and a tokenizer trained on the sample texts: rates are the same, for no
operation looks at what the weights are, but nothing can be said of quality.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.gpu.bench import Bench
from benchmarks.gpu.row import Row
from benchmarks.gpu.texts import labelled_texts
from common.errors import UserError
from common.models.generator import PLAIN_TEMPLATE
from common.models.sources.bundled import locate

# As the published configurations say.
SHAPES: dict[str, dict[str, Any]] = {
    "minilm": {
        "vocab_size": 30522,
        "hidden_size": 384,
        "num_hidden_layers": 6,
        "num_attention_heads": 12,
        "intermediate_size": 1536,
    },
    "e5-small": {
        "vocab_size": 250037,
        "hidden_size": 384,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 1536,
    },
    "smollm2": {
        "vocab_size": 49152,
        "hidden_size": 576,
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "head_dim": 64,
        "intermediate_size": 1536,
        "max_position_embeddings": 8192,
        "rope_parameters": {"rope_type": "default", "rope_theta": 100000.0},
        "tie_word_embeddings": True,
    },
}
TINY = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
TINY_CAUSAL = {"num_key_value_heads": 1, "head_dim": 16}
CAUSAL = "smollm2"
# More pieces than the sample texts have of their own use.
PIECES, FEW_PIECES = 8000, 500


def measure(bench: Bench) -> Iterator[Row]:
    """Put each model into the folder, and say what it is."""
    bench.models.mkdir(parents=True, exist_ok=True)
    for name in SHAPES:
        place = bench.models / name
        if not bench.is_smoke and (found := _installed(name)) is not None:
            place.symlink_to(found)
            yield Row(name, "the bundled weights")
        else:
            build(name, place, is_tiny=bench.is_smoke)
            size = "tiny" if bench.is_smoke else "the same shape"
            yield Row(name, f"{size}, random weights", note="quality is not measured")


def build(name: str, place: Path, *, is_tiny: bool = False) -> None:
    """Write a model with random weights."""
    import torch
    from transformers import BertConfig, BertModel, LlamaConfig, LlamaForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    tokenizer = _train_tokenizer(FEW_PIECES if is_tiny else PIECES, is_causal=name == CAUSAL)
    shape = dict(SHAPES[name])
    if is_tiny:
        causal = TINY_CAUSAL if name == CAUSAL else {}
        shape |= {"vocab_size": len(tokenizer), "intermediate_size": 64, **TINY, **causal}
    special = {"pad_token_id": tokenizer.pad_token_id}
    torch.manual_seed(0)
    if name == CAUSAL:
        special |= {
            "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
        }  # fmt: skip
        network: Any = LlamaForCausalLM(LlamaConfig(**shape, **special))
    else:
        network = BertModel(BertConfig(**shape, **special), add_pooling_layer=False)
    network.save_pretrained(place)
    tokenizer.save_pretrained(place)


def _installed(name: str) -> Path | None:
    try:
        return locate(name).directory
    except UserError:
        return None


def _train_tokenizer(pieces: int, *, is_causal: bool) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    texts = [text for text, _ in labelled_texts(2000)]
    if is_causal:
        special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
        made = Tokenizer(models.BPE())
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = decoders.ByteLevel()
        made.train_from_iterator(
            texts,
            trainers.BpeTrainer(
                vocab_size=pieces,
                special_tokens=special,
                initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                show_progress=False,
            ),
        )
        names = dict(zip(["unk_token", "bos_token", "eos_token"], special, strict=True))
        return PreTrainedTokenizerFast(
            tokenizer_object=made,
            pad_token=special[2],
            chat_template=PLAIN_TEMPLATE,
            model_max_length=8192,
            **names,
        )
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.train_from_iterator(
        texts,
        trainers.WordPieceTrainer(vocab_size=pieces, special_tokens=special, show_progress=False),
    )
    ends: list[Any] = [(token, made.token_to_id(token)) for token in ("[SEP]", "[CLS]")]
    made.post_processor = processors.BertProcessing(*ends)
    kinds = ["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"]
    names = dict(zip(kinds, special, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=512, **names)
