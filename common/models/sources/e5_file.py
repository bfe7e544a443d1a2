"""Unpack the 4-bit multilingual-e5-small file into an ordinary Hugging Face directory.

The file, little endian: a header, the Unigram tokenizer, then named tensors, either float32 or
4-bit in blocks of 32 weights (a float16 scale and 16 bytes; byte j holds weight j in its low half
and weight j + 16 in its high half; value = (half - 8) * scale).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import UserError
from common.files import write_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

BLOCK_BYTES = 18
SPECIAL_TOKENS = {"bos": "<s>", "pad": "<pad>", "eos": "</s>", "unk": "<unk>"}
MASK_TOKEN = "<mask>"

# File name of a tensor's last part → the same tensor in a BertModel layer.
LAYER_NAMES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
EMBEDDING_NAMES = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}


@dataclass(frozen=True)
class _Header:
    hidden: int
    layers: int
    heads: int
    intermediate: int
    vocabulary: int
    positions: int
    token_types: int
    layer_norm_eps: float


class _Cursor:
    """Reads the file front to back."""

    def __init__(self, data: bytes, where: str) -> None:
        self.data = data
        self.position = 0
        self.where = where

    def bytes(self, count: int) -> bytes:
        end = self.position + count
        if count < 0 or end > len(self.data):
            raise UserError("the file ends too early: it is damaged", where=self.where)
        taken = self.data[self.position : end]
        self.position = end
        return taken

    def numbers(self, format: str) -> tuple[Any, ...]:
        return struct.unpack("<" + format, self.bytes(struct.calcsize("<" + format)))


def unpack(source: Path, directory: Path) -> None:
    """Write config, weights (float16) and tokenizer of the model in `source` to `directory`.

    The products of a 4-bit value and a float16 scale lose nothing that matters in float16, and the
    directory is half as large; load it with `dtype=torch.float32`.

    Raises:
        UserError: the file is damaged or not of this format.
    """
    from safetensors.numpy import save_file

    cursor = _Cursor(source.read_bytes(), str(source))
    if cursor.bytes(4) != b"E5S1":
        raise UserError("not an E5S1 model file", where=str(source))
    cursor.numbers("I")
    header = _Header(*cursor.numbers("7if"))
    cursor.numbers("i")
    tokenizer = _read_tokenizer(cursor)
    tensors = _read_tensors(cursor, header)

    directory.mkdir(parents=True, exist_ok=True)
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    tokenizer.save(str(directory / "tokenizer.json"))
    write_json(directory / "tokenizer_config.json", _tokenizer_config(header))
    write_json(directory / "config.json", _model_config(header))


def _read_tokenizer(cursor: _Cursor) -> Tokenizer:
    from tokenizers import (
        AddedToken,
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
    )
    from tokenizers.processors import TemplateProcessing

    pieces_count, bos, eos, _pad, unknown = cursor.numbers("5i")
    (blob_length,) = cursor.numbers("Q")
    offsets = cursor.numbers(f"{pieces_count + 1}I")
    scores = cursor.numbers(f"{pieces_count}f")
    blob = cursor.bytes(blob_length)
    # The character map is passed over: NFKC and folded whitespace stand in for it.
    _entries, map_length = cursor.numbers("iI")
    cursor.bytes(map_length)
    pieces = [blob[start:end].decode() for start, end in pairwise(offsets)]

    tokenizer = Tokenizer(models.Unigram(list(zip(pieces, scores, strict=True)), unk_id=unknown))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", bos), ("</s>", eos)],
    )
    names = [*SPECIAL_TOKENS.values(), MASK_TOKEN]
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in names])
    return tokenizer


def _read_tensors(cursor: _Cursor, header: _Header) -> dict[str, NDArray[np.float16]]:
    shapes = _shapes(header)
    tensors = {}
    (count,) = cursor.numbers("i")
    for _ in range(count):
        (name_length,) = cursor.numbers("H")
        name = _tensor_name(cursor.bytes(name_length).decode())
        kind, elements, offset, length = cursor.numbers("BIQQ")
        at = _Cursor(cursor.data, cursor.where)
        at.position = offset
        values = _dequantise(at.bytes(length)) if kind == 1 else _float32(at.bytes(length))
        if name not in shapes or values.size != elements:
            raise UserError(f"unexpected tensor {name}", where=cursor.where)
        tensors[name] = values.reshape(shapes[name])
    if missing := sorted(shapes.keys() - tensors.keys()):
        raise UserError(f"the tensor {missing[0]} is missing", where=cursor.where)
    return tensors


def _float32(data: bytes) -> NDArray[np.float16]:
    import numpy as np

    return np.frombuffer(data, "<f4").astype(np.float16)


def _dequantise(data: bytes) -> NDArray[np.float16]:
    import numpy as np

    blocks = np.frombuffer(data, np.uint8).reshape(-1, BLOCK_BYTES)
    scales = blocks[:, :2].copy().view("<f2").astype(np.float32)
    packed = blocks[:, 2:]
    halves = np.concatenate([packed & 0x0F, packed >> 4], axis=1).astype(np.float32)
    return ((halves - 8.0) * scales).astype(np.float16).reshape(-1)


def _tensor_name(name: str) -> str:
    if name in EMBEDDING_NAMES:
        return EMBEDDING_NAMES[name]
    layer, part, end = name.split(".")
    kind = "weight" if end == "w" else "bias"
    return f"encoder.layer.{layer[1:]}.{LAYER_NAMES[part]}.{kind}"


def _shapes(header: _Header) -> dict[str, tuple[int, ...]]:
    hidden, inner = header.hidden, header.intermediate
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (header.vocabulary, hidden),
        "embeddings.position_embeddings.weight": (header.positions, hidden),
        "embeddings.token_type_embeddings.weight": (header.token_types, hidden),
        "embeddings.LayerNorm.weight": (hidden,),
        "embeddings.LayerNorm.bias": (hidden,),
    }
    rows_and_columns: dict[str, tuple[int, ...]] = {
        "fi": (inner, hidden),
        "fo": (hidden, inner),
        "aln": (hidden,),
        "oln": (hidden,),
    }
    for layer in range(header.layers):
        for part, module in LAYER_NAMES.items():
            weight = rows_and_columns.get(part, (hidden, hidden))
            shapes[f"encoder.layer.{layer}.{module}.weight"] = weight
            shapes[f"encoder.layer.{layer}.{module}.bias"] = weight[:1]
    return shapes


def _model_config(header: _Header) -> dict[str, Any]:
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_size": header.hidden,
        "num_hidden_layers": header.layers,
        "num_attention_heads": header.heads,
        "intermediate_size": header.intermediate,
        "vocab_size": header.vocabulary,
        "max_position_embeddings": header.positions,
        "type_vocab_size": header.token_types,
        "layer_norm_eps": round(header.layer_norm_eps, 15),
        "hidden_act": "gelu",
        "pad_token_id": 1,
        "dtype": "float16",
    }


def _tokenizer_config(header: _Header) -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": header.positions,
        **{f"{role}_token": token for role, token in SPECIAL_TOKENS.items()},
        "cls_token": SPECIAL_TOKENS["bos"],
        "sep_token": SPECIAL_TOKENS["eos"],
        "mask_token": MASK_TOKEN,
    }
