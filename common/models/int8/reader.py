"""Reads texts with what `export` wrote: onnxruntime and a tokenizer alone, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import UserError
from common.files import read_json
from common.models.prediction import batches_by_tokens
from common.models.symbols import SymbolSpeller

Floats = NDArray[np.float32]

INPUTS = ("input_ids", "attention_mask")
# The exporter names inner values after torch's operations, `embedding` among them.
OUTPUT = "output_"
MODEL, TOKENIZER, ABOUT = "model.onnx", "tokenizer.json", "export.json"


class FastTokenizer:
    """A `tokenizer.json`, as far as `SymbolSpeller` and an encoder ask for it."""

    def __init__(self, path: Path, *, max_length: int, unknown: int | None, padding: int) -> None:
        from tokenizers import Tokenizer

        self.unk_token_id = unknown
        self._padding = padding
        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length)

    def __call__(self, text: str, *, add_special_tokens: bool = True) -> dict[str, list[int]]:
        """The token ids of a text, as transformers' tokenizers give them."""
        found = self._tokenizer.encode(text, add_special_tokens=add_special_tokens)
        return {"input_ids": found.ids}

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of each text, cut at the longest input."""
        return [one.ids for one in self._tokenizer.encode_batch_fast(list(texts))]

    def padded(self, rows: Sequence[Sequence[int]]) -> dict[str, NDArray[np.int64]]:
        """Token ids and attention mask, both [texts, longest]."""
        longest = max(map(len, rows))
        found = np.full((len(rows), longest), self._padding, dtype=np.int64)
        mask = np.zeros_like(found)
        for number, row in enumerate(rows):
            found[number, : len(row)] = row
            mask[number, : len(row)] = 1
        return dict(zip(INPUTS, (found, mask), strict=True))


class Int8Reader:
    """An exported model: texts → its outputs.

    Args:
        directory: as `common.releases.export.write_export` writes it.
        threads: onnxruntime's; None: as many as there are cores.

    Raises:
        UserError: onnxruntime is not installed.
    """

    def __init__(self, directory: Path, *, threads: int | None = None) -> None:
        self.about: dict[str, Any] = read_json(directory / ABOUT)
        text = self.about["text"]
        self._prefix: str = self.about["prefix"]
        self._lower_case: bool = text["lower_case"]
        self._tokenizer = FastTokenizer(
            directory / TOKENIZER,
            max_length=text["max_length"],
            unknown=text["unknown"],
            padding=text["padding"],
        )
        self._session = _session(directory / MODEL, threads)

    @cached_property
    def _speller(self) -> SymbolSpeller:
        return SymbolSpeller(self._tokenizer)

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text, without padding."""
        return [len(ids) for ids in self._tokenizer.ids(self._prepared(texts))]

    def outputs(self, texts: Sequence[str]) -> dict[str, Floats]:
        """What `common.models.prediction.predict` gives, as arrays [texts, …]."""
        ids = self._tokenizer.ids(self._prepared(texts))
        batches = batches_by_tokens([len(row) for row in ids])
        names = [output.name for output in self._session.get_outputs()]
        parts = [
            self._session.run(names, self._tokenizer.padded([ids[i] for i in batch]))
            for batch in batches
        ]
        order = np.argsort([index for batch in batches for index in batch])
        columns = zip(*parts, strict=True)
        return {
            name.removeprefix(OUTPUT): np.concatenate(column)[order]
            for name, column in zip(names, columns, strict=True)
        }

    def _prepared(self, texts: Sequence[str]) -> list[str]:
        prepared = [self._prefix + self._speller.spell(text) for text in texts]
        return [text.lower() for text in prepared] if self._lower_case else prepared


def require_runtime() -> None:
    """Refuse, with the command that installs it, where onnxruntime is missing.

    Raises:
        UserError: it is not installed.
    """
    if find_spec("onnxruntime") is None:
        raise UserError("the package onnxruntime is not installed", hint="pip install -e '.[onnx]'")


def _session(path: Path, threads: int | None) -> Any:
    require_runtime()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # An arena would keep what the largest batch took.
    options.enable_cpu_mem_arena = False
    # Threads that spin for work take the processor from those that answer.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads is not None:
        options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
