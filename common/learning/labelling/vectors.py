"""Vectors of texts by a pretrained encoder that has not learned their labels, kept on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from common.console import say
from common.models.devices import pick_device
from common.models.encoder import Encoder, load_encoder
from common.models.heads import Embedder
from common.models.prediction import encode
from common.models.sentence_modules import directory_id
from common.models.sources import catalog
from common.models.sources.bundled import locate
from common.records.text import language_of
from common.storage.vectors import VectorCache


def read_frozen(
    texts: Sequence[str], backbone: str, caches: Path, *, device: str = "auto"
) -> NDArray[np.float32]:
    """[texts, width]; only what is new is read.

    Args:
        backbone: as `train` takes it; `auto` goes by the texts' languages.
        caches: directory of vector caches, one an encoder.
    """
    chosen = catalog.for_languages({language_of(text) for text in texts})
    source = locate(chosen if backbone == "auto" else backbone)
    say(f"Encoder: {source.name}")
    encoder = load_encoder(source)

    def on_device() -> tuple[nn.Module, Encoder]:
        nn.Module.to(encoder.network, pick_device(device))
        return Embedder(encoder.pooled()), encoder

    cache = VectorCache(caches / directory_id(source.directory))
    return encode(on_device, texts, cache, width=encoder.dimension, what="texts")
