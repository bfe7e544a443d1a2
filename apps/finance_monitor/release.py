"""What a release of the finance monitor holds: written after training, read to serve."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import safe_open

from apps.finance_monitor.direction.lexicon import Lexicon
from apps.finance_monitor.direction.weighing import Direction
from apps.finance_monitor.stories.classifying import Classifier
from apps.finance_monitor.stories.network import EightBit, FullPrecision, Network
from common.files import read_json, write_json
from common.models.int8.reader import Int8Reader
from common.models.sources.bundled import Source
from common.releases.release import Release

if TYPE_CHECKING:
    from torch import Tensor

    from common.models.ngrams import NgramClassifier

HEADS = "heads.safetensors"
DIRECTION = "direction.json"


def save_release(classifier: Classifier, directory: Path) -> None:
    """Write model, heads and calibration into a release's directory."""
    from apps.finance_monitor.targets.pooling import TargetPooling
    from common.models.encoder import save_encoder
    from common.models.heads import save_heads

    save_encoder(classifier.backbone, directory / "model")
    save_heads(classifier.module, directory / HEADS)
    if classifier.direction:
        kept = {**classifier.direction.to_json(), "words": classifier.direction.lexicon.entries}
        write_json(directory / DIRECTION, kept)
    source = classifier.backbone.source
    write_json(
        directory / "model.json",
        {
            "base": source.name,
            "query_prefix": source.query_prefix,
            "passage_prefix": source.passage_prefix,
            "topics": classifier.topics,
            "temperatures": classifier.temperatures,
            "abstain_below": classifier.abstain_below,
            "baseline": classifier.baseline,
            "tickers": classifier.tickers,
            "pools_targets": isinstance(classifier.module.pooled, TargetPooling),
        },
    )


def _topic_words(heads: Mapping[str, Tensor]) -> NgramClassifier | None:
    if "topic_words.weight" not in heads:
        return None
    from common.models.ngrams import NgramClassifier

    return NgramClassifier(*(heads[f"topic_words.{name}"] for name in ("rarity", "weight", "bias")))


def load_release(
    release: Release,
    *,
    device: str = "auto",
    precision: str = "fp32",
    dropout: float | None = None,
) -> Classifier:
    """Read a verified release; `dropout` is of one that is to learn, None: as it was pretrained."""
    return _load(release, _load_trained(release, device, precision, dropout))


def load_eight_bit(release: Release, exported: Path, *, threads: int | None = None) -> Classifier:
    """Read a verified release whose model is read from its export, on the CPU and without torch.

    Raises:
        UserError: onnxruntime is not installed.
    """
    with safe_open(release.directory / HEADS, "numpy") as heads:
        names = list(heads.keys())
    load = partial(_load_trained, release, "cpu", "fp32", None)
    return _load(release, EightBit(Int8Reader(exported, threads=threads), names, load))


def _load_trained(
    release: Release, device: str, precision: str, dropout: float | None
) -> FullPrecision:
    from safetensors.torch import load_file

    from apps.finance_monitor.stories.news_model import NewsModel
    from apps.finance_monitor.targets.pooling import target_pooling
    from common.models.devices import pick_device
    from common.models.encoder import load_encoder
    from common.models.heads import read_head

    directory = release.directory
    settings: dict[str, Any] = read_json(directory / "model.json")
    source = Source(
        settings["base"], directory / "model", settings["query_prefix"], settings["passage_prefix"]
    )
    backbone = load_encoder(source, dropout=dropout)
    heads = load_file(directory / HEADS)
    module = NewsModel(
        target_pooling(backbone) if settings.get("pools_targets") else backbone.pooled(),
        sentiments=read_head(heads, "sentiments"),
        topics=read_head(heads, "topics"),
        targets=read_head(heads, "targets"),
        topic_bias=heads.get("topic_bias"),
        topic_words=_topic_words(heads),
    )
    module.load_state_dict(heads, strict=False)
    module.to(pick_device(device)).eval()
    return FullPrecision(module, backbone, precision)


def direction_of(release: Release) -> Direction | None:
    """The words that say which way a text points; None: they are not asked, or it is older."""
    path = release.directory / DIRECTION
    if not path.exists():
        return None
    kept: dict[str, Any] = read_json(path)
    return Direction(Lexicon(kept["words"]), kept["weight"], kept.get("target_weight", 0.0))


def tickers_of(release: Release) -> dict[str, str]:
    """The companies' names that a release reads for their tickers."""
    found: dict[str, str] = read_json(release.directory / "model.json").get("tickers", {})
    return found


def _load(release: Release, network: Network) -> Classifier:
    settings: dict[str, Any] = read_json(release.directory / "model.json")
    return Classifier(
        release_id=release.release_id,
        network=network,
        topics=settings["topics"],
        temperatures=settings["temperatures"],
        abstain_below=settings.get("abstain_below", {}),
        baseline=settings["baseline"],
        tickers=settings.get("tickers", {}),
        direction=direction_of(release),
    )


def reopen(release: Release, device: str, dropout: float | None = None) -> Classifier:
    """A release, to be tuned further; what words say of topics joins afterwards, as in training."""
    serving = load_release(release, device=device, dropout=dropout)
    serving.module.topic_words = None
    return serving
