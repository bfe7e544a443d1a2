from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from common.models import prediction as encoding
from common.models.encoder import Encoder, load_encoder
from common.models.heads import Embedder
from common.models.prediction import encode
from common.models.sources.bundled import Source
from common.storage.vectors import MOST_SMALL, VectorCache, keep, text_key

TEXTS = ["abc def", "ghi", "jkl mno", "pqr", "stu vwx", "yz", "a b c", "d e"]


class KilledError(Exception):
    pass


@pytest.fixture(scope="module")
def backbone(tiny_model: Path) -> Encoder:
    return load_encoder(Source("tiny", tiny_model))


def _encode(backbone: Encoder, texts: Sequence[str], directory: Path, counted: list[int]):
    module = Embedder(backbone.pooled())

    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, **inputs: torch.Tensor) -> dict[str, torch.Tensor]:
            counted.append(len(inputs["input_ids"]))
            return self.inner(**inputs)

    cache = VectorCache(directory)
    return encode(lambda: (Counting(), backbone), texts, cache, width=backbone.dimension)


def test_a_second_run_encodes_exactly_what_changed(backbone: Encoder, tmp_path: Path) -> None:
    first, second = [], []
    before = _encode(backbone, TEXTS, tmp_path, first)
    changed = [*TEXTS[:-1], "something new"]
    after = _encode(backbone, changed, tmp_path, second)
    assert (sum(first), sum(second)) == (len(TEXTS), 1)
    assert np.array_equal(before[:-1], after[:-1])
    assert not np.array_equal(before[-1], after[-1])


def test_the_same_text_is_encoded_once(backbone: Encoder, tmp_path: Path) -> None:
    counted: list[int] = []
    found = _encode(backbone, ["abc", "abc", "de"], tmp_path, counted)
    assert sum(counted) == 2
    assert np.array_equal(found[0], found[1])


def test_vectors_are_those_of_the_encoder(backbone: Encoder, tmp_path: Path) -> None:
    found = _encode(backbone, TEXTS, tmp_path, [])
    backbone.network.eval()
    with torch.inference_mode():
        for text, vector in zip(TEXTS, found, strict=True):
            alone = backbone.pooled()(**backbone.tokenize([text]))[0]
            assert np.allclose(vector, alone.numpy(), atol=1e-5)


def test_an_interrupted_run_ends_with_the_same_bytes(
    backbone: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "TEXTS_PER_SEGMENT", 3)
    whole = _encode(backbone, TEXTS, tmp_path / "whole", [])
    add = VectorCache.add
    calls = []

    def stop_at_the_second(self: VectorCache, keys: Sequence[bytes], vectors: np.ndarray) -> None:
        calls.append(len(keys))
        if len(calls) == 2:
            raise KilledError
        add(self, keys, vectors)

    with monkeypatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(VectorCache, "add", stop_at_the_second)
        _encode(backbone, TEXTS, tmp_path / "stopped", [])
    counted: list[int] = []
    resumed = _encode(backbone, TEXTS, tmp_path / "stopped", counted)
    assert sum(counted) == len(TEXTS) - 3
    assert resumed.tobytes() == whole.tobytes()


def test_a_segment_without_keys_is_not_read(backbone: Encoder, tmp_path: Path) -> None:
    _encode(backbone, TEXTS, tmp_path, [])
    for keys in tmp_path.glob("*.keys"):
        keys.unlink()
    counted: list[int] = []
    _encode(backbone, TEXTS, tmp_path, counted)
    assert sum(counted) == len(TEXTS)


def test_what_is_at_hand_is_kept(tmp_path: Path) -> None:
    vectors = np.arange(6, dtype=np.float32).reshape(3, 2)
    keep(["a", "b", "a"], vectors, VectorCache(tmp_path))

    def nothing_is_missing() -> tuple[nn.Module, Encoder]:
        raise AssertionError

    found = encode(nothing_is_missing, ["b", "a"], VectorCache(tmp_path), width=2)
    assert found.tolist() == [[2, 3], [0, 1]]


def _segment(cache: VectorCache, *texts: str) -> None:
    numbers = [[float(text), 0.0] for text in texts]
    cache.add([text_key(text) for text in texts], np.array(numbers, np.float32))


def _kept(cache: VectorCache, texts: Sequence[str]) -> list[float]:
    found: list[float] = cache.gather([text_key(text) for text in texts], 2)[:, 0].tolist()
    return found


def test_processes_see_what_others_keep_and_delete(tmp_path: Path) -> None:
    first, second = VectorCache(tmp_path), VectorCache(tmp_path)
    _segment(first, "1")
    keys = [text_key("1")]
    assert second.missing(keys) == [0]
    second.refresh()
    assert second.missing(keys) == []
    first.tidy(0)
    second.refresh()
    assert second.missing(keys) == [0]


def test_what_another_process_deletes_meanwhile_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in ("1", "2"):
        _segment(VectorCache(tmp_path), text)
    gone = sorted(tmp_path.glob("*.keys"))[0]
    read = Path.read_bytes

    def deleted(path: Path) -> bytes:
        if path == gone:
            path.unlink()
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", deleted)
    cache = VectorCache(tmp_path)
    assert len(cache.missing([text_key("1"), text_key("2")])) == 1


def test_small_segments_are_put_together(tmp_path: Path) -> None:
    texts = [str(number) for number in range(MOST_SMALL + 1)]
    cache = VectorCache(tmp_path)
    for text in texts:
        _segment(cache, text)
    cache.tidy(1000)
    assert len(list(tmp_path.iterdir())) == 2
    for one in (cache, VectorCache(tmp_path)):
        assert _kept(one, texts) == [float(text) for text in texts]


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path)
    for age, text in enumerate(["1", "2", "3"], start=1):
        before = set(tmp_path.glob("*.keys"))
        _segment(cache, text)
        (new,) = set(tmp_path.glob("*.keys")) - before
        os.utime(new, (age, age))
    _kept(cache, ["1"])
    cache.tidy(2)
    assert cache.missing([text_key(text) for text in ("1", "2", "3")]) == [1]
