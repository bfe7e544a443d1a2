"""What a release of customer service holds: written after training, read to serve."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import load_file

from apps.customer_service.answers.answering import Answerer
from apps.customer_service.answers.confidence import Confidence
from apps.customer_service.answers.retrieval import Variant, VariantIndex
from apps.customer_service.data import read_faqs_of
from apps.customer_service.task import AnswerModel
from common.files import read_json, write_json
from common.models.devices import pick_device
from common.models.encoder import load_encoder, save_encoder
from common.models.heads import save_heads
from common.models.sentence_modules import Projection
from common.models.sources.bundled import Source
from common.records.reader import write_jsonl
from common.releases.release import Release


def save_release(answerer: Answerer, directory: Path) -> None:
    """Write model, heads, FAQs and index into a release's directory."""
    projection = Projection(answerer.module.projection.weight)
    save_encoder(answerer.backbone, directory / "model", projection)
    save_heads(answerer.module, directory / "heads.safetensors")
    source = answerer.backbone.source
    write_json(
        directory / "model.json",
        {
            "base": source.name,
            "query_prefix": source.query_prefix,
            "passage_prefix": source.passage_prefix,
            "intents": answerer.intents,
            "faqs": answerer.prototype_ids,
        },
    )
    if answerer.confidence is not None:
        write_json(directory / "confidence.json", answerer.confidence.to_json())
    if answerer.texts is not None:
        np.save(directory / "texts.npy", answerer.texts)
    if answerer.index is not None:
        write_jsonl(directory / "faqs.jsonl", answerer.faqs.values())
        variants = [[v.text, v.faq_id, v.language] for v in answerer.index.variants]
        write_json(directory / "variants.json", variants)
        answerer.index.save(directory / "index")


def load_release(release: Release, *, device: str = "auto", precision: str = "fp32") -> Answerer:
    """Read a verified release.

    float32 by default: at batch 1 a CPU gains little from less, and figures stay comparable.
    """
    directory = release.directory
    settings: dict[str, Any] = read_json(directory / "model.json")
    source = Source(
        settings["base"], directory / "model", settings["query_prefix"], settings["passage_prefix"]
    )
    backbone = load_encoder(source, projected=False)
    heads = load_file(directory / "heads.safetensors")
    module = AnswerModel(
        backbone.pooled(),
        backbone.dimension,
        prototypes=heads.get("faqs.directions"),
        directions=heads.get("intents.directions"),
    )
    module.load_state_dict(heads, strict=False)
    module.to(pick_device(device)).eval()
    prototype_ids = settings["faqs"]
    faqs = read_faqs_of(release)
    index = _load_index(directory, module.prototypes(prototype_ids)) if faqs else None
    confidence = directory / "confidence.json"
    texts = directory / "texts.npy"
    return Answerer(
        release_id=release.release_id,
        backbone=backbone,
        module=module,
        intents=settings["intents"],
        faqs=faqs,
        index=index,
        confidence=Confidence.from_json(read_json(confidence)) if confidence.exists() else None,
        prototype_ids=prototype_ids,
        texts=np.load(texts) if texts.exists() else None,
        precision=precision,
    )


def _load_index(directory: Path, prototypes: Mapping[str, NDArray[np.float32]]) -> VariantIndex:
    variants = [Variant(*values) for values in read_json(directory / "variants.json")]
    return VariantIndex.load(directory / "index", variants, prototypes)
