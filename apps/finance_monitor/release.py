"""What a release of the finance monitor holds: written after training, read to serve."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from apps.finance_monitor.stories.classifying import Classifier
from apps.finance_monitor.task import NewsModel
from common.files import read_json, write_json
from common.models.devices import pick_device
from common.models.encoder import load_encoder, save_encoder
from common.models.heads import read_head, save_heads
from common.models.ngrams import NgramClassifier
from common.models.sources.bundled import Source
from common.releases.release import Release


def save_release(classifier: Classifier, directory: Path) -> None:
    """Write model, heads and calibration into a release's directory."""
    save_encoder(classifier.backbone, directory / "model")
    save_heads(classifier.module, directory / "heads.safetensors")
    source = classifier.backbone.source
    write_json(
        directory / "model.json",
        {
            "base": source.name,
            "query_prefix": source.query_prefix,
            "passage_prefix": source.passage_prefix,
            "topics": classifier.topics,
            "temperatures": classifier.temperatures,
            "baseline": classifier.baseline,
            "tickers": classifier.tickers,
        },
    )


def _topic_words(heads: Mapping[str, torch.Tensor]) -> NgramClassifier | None:
    if "topic_words.weight" not in heads:
        return None
    return NgramClassifier(*(heads[f"topic_words.{name}"] for name in ("rarity", "weight", "bias")))


def load_release(
    release: Release,
    *,
    device: str = "auto",
    precision: str = "fp32",
    dropout: float | None = None,
) -> Classifier:
    """Read a verified release; `dropout` is of one that is to learn, None: as it was pretrained."""
    directory = release.directory
    settings: dict[str, Any] = read_json(directory / "model.json")
    source = Source(
        settings["base"], directory / "model", settings["query_prefix"], settings["passage_prefix"]
    )
    backbone = load_encoder(source, dropout=dropout)
    heads = load_file(directory / "heads.safetensors")
    module = NewsModel(
        backbone.pooled(),
        sentiments=read_head(heads, "sentiments"),
        topics=read_head(heads, "topics"),
        targets=read_head(heads, "targets"),
        topic_bias=heads.get("topic_bias"),
        topic_words=_topic_words(heads),
    )
    module.load_state_dict(heads, strict=False)
    module.to(pick_device(device)).eval()
    return Classifier(
        release_id=release.release_id,
        backbone=backbone,
        module=module,
        topics=settings["topics"],
        temperatures=settings["temperatures"],
        baseline=settings["baseline"],
        tickers=settings.get("tickers", {}),
        precision=precision,
    )


def reopen(release: Release, device: str, dropout: float | None = None) -> Classifier:
    """A release, to be tuned further; what words say of topics joins afterwards, as in training."""
    serving = load_release(release, device=device, dropout=dropout)
    serving.module.topic_words = None
    return serving
