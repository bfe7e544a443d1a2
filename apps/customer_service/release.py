"""What a release of customer service holds: written after training, read to serve."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from apps.customer_service.answers.answering import Answerer
from apps.customer_service.answers.confidence import FEATURES, Confidence
from apps.customer_service.answers.network import EightBit, FullPrecision, Network
from apps.customer_service.answers.reranking import Reranker
from apps.customer_service.answers.retrieval import Variant, VariantIndex
from apps.customer_service.data import read_faqs_of
from apps.customer_service.documents.quoting import Documents
from apps.customer_service.documents.release import load_documents, save_documents
from apps.customer_service.knowledge.opening import open_knowledge
from apps.customer_service.knowledge.reading import Reader
from apps.customer_service.knowledge.serving.live import Snapshot
from apps.customer_service.knowledge.serving.preview import Golden
from apps.customer_service.learning.lessons import LESSONS, load_lessons
from common.files import read_json, write_json
from common.models.int8.reader import Int8Reader
from common.models.sources.bundled import Source
from common.records.reader import write_jsonl
from common.releases.registry import Registry
from common.releases.release import Release, of_another_version

MODEL = "model"
RERANKER = "reranker"
HEADS = "heads.safetensors"
CONFIDENCE = "confidence.json"
TEXT_INTENTS = "text_intents.json"


def save_release(answerer: Answerer, directory: Path) -> None:
    """Write model, heads, FAQs and index into a release's directory.

    Weights that lie there already, linked from a release that has the same, are left as they are.
    """
    from common.models.encoder import save_encoder
    from common.models.heads import save_heads
    from common.models.pair_scorer import save_pair_scorer
    from common.models.sentence_modules import Projection

    if not (directory / MODEL).exists():
        projection = Projection(answerer.module.projection.weight)
        save_encoder(answerer.backbone, directory / MODEL, projection)
    save_heads(answerer.module, directory / HEADS)
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
        write_json(directory / CONFIDENCE, answerer.confidence.to_json())
    if answerer.texts is not None:
        np.save(directory / "texts.npy", answerer.texts)
    if answerer.text_intents is not None:
        write_json(directory / TEXT_INTENTS, list(answerer.text_intents))
    if answerer.index is not None:
        write_jsonl(directory / "faqs.jsonl", answerer.faqs.values())
        variants = [[v.text, v.faq_id, v.language, v.is_answer] for v in answerer.index.variants]
        write_json(directory / "variants.json", variants)
        answerer.index.save(directory / "index")
    if answerer.reranker is not None:
        if not (directory / RERANKER).exists():
            save_pair_scorer(answerer.reranker.scorer, directory / RERANKER)
        heeded = {
            "weight": answerer.reranker.weight,
            "unsure_below": answerer.reranker.unsure_below,
        }
        write_json(directory / "reranker.json", heeded)
    if isinstance(answerer.documents, Documents):
        save_documents(answerer.documents, directory)


def load_release(
    release: Release,
    *,
    device: str = "auto",
    precision: str = "fp32",
    dropout: float | None = None,
) -> Answerer:
    """Read a verified release; `dropout` is for one that is tuned further.

    float32 by default: at batch 1 a CPU gains little from less, and figures stay comparable.

    Raises:
        UserError: it decides by signals that this version does not compute.
    """
    return _load(release, _load_trained(release, device, precision, dropout), device)


def load_eight_bit(release: Release, exported: Path, *, threads: int | None = None) -> Answerer:
    """Read a verified release whose model is read from its export, on the CPU and without torch.

    A reranker is read as it was trained.

    Raises:
        UserError: onnxruntime is not installed, or as of `load_release`.
    """
    network = EightBit(
        Int8Reader(exported, threads=threads),
        load_file(release.directory / HEADS),
        partial(_load_trained, release, "cpu", "fp32", None),
    )
    return _load(release, network, "cpu")


def _load_trained(
    release: Release, device: str, precision: str, dropout: float | None
) -> FullPrecision:
    from safetensors.torch import load_file

    from apps.customer_service.task import AnswerModel
    from common.models.devices import pick_device
    from common.models.encoder import load_encoder

    directory = release.directory
    settings: dict[str, Any] = read_json(directory / "model.json")
    source = Source(
        settings["base"], directory / MODEL, settings["query_prefix"], settings["passage_prefix"]
    )
    backbone = load_encoder(source, projected=False, dropout=dropout)
    heads = load_file(directory / HEADS)
    module = AnswerModel(
        backbone.pooled(),
        backbone.dimension,
        prototypes=heads.get("faqs.directions"),
        directions=heads.get("intents.directions"),
    )
    module.load_state_dict(heads, strict=False)
    module.to(pick_device(device)).eval()
    return FullPrecision(module, backbone, precision)


def _load(release: Release, network: Network, device: str) -> Answerer:
    directory = release.directory
    settings: dict[str, Any] = read_json(directory / "model.json")
    prototype_ids = settings["faqs"]
    faqs = read_faqs_of(release)
    index = _load_index(directory, network.prototypes(prototype_ids)) if faqs else None
    texts, text_intents = directory / "texts.npy", directory / TEXT_INTENTS
    return Answerer(
        release_id=release.release_id,
        network=network,
        intents=settings["intents"],
        faqs=faqs,
        index=index,
        confidence=_load_confidence(directory),
        prototype_ids=prototype_ids,
        texts=np.load(texts) if texts.exists() else None,
        text_intents=read_json(text_intents) if text_intents.exists() else None,
        reranker=_load_reranker(directory, settings["base"], device),
        documents=load_documents(directory),
    )


def _load_confidence(directory: Path) -> Confidence | None:
    path = directory / CONFIDENCE
    if not path.exists():
        return None
    kept: dict[str, Any] = read_json(path)
    if kept["features"] != list(FEATURES):
        raise of_another_version(directory)
    return Confidence.from_json(kept)


def load_edited(release: Release, store: Path, database: str | None, *, device: str) -> Answerer:
    """Read a verified release as a server answers with it now: with what was edited live."""
    answerer = load_release(release, device=device)
    with open_knowledge(store, database, release) as opened:
        edited = opened.knowledge.edited
    return Snapshot.of(answerer, Reader(answerer), edited).at(datetime.now(UTC))


def golden_of(registry: Registry, answerer: Answerer) -> Golden:
    """The questions that a release is measured on; none for one that does not hold them."""
    release = registry.open(answerer.release_id)
    if not (release.directory / LESSONS).exists():
        return Golden([])
    lessons, read_before = load_lessons(release)
    return Golden(lessons.golden, read_before)


def _load_reranker(directory: Path, base: str, device: str) -> Reranker | None:
    if not (directory / RERANKER).is_dir():
        return None
    from apps.customer_service.answers.rerank_task import RerankModule
    from common.models.devices import pick_device, pick_precision
    from common.models.pair_scorer import load_pair_scorer

    scorer = load_pair_scorer(Source(base, directory / RERANKER))
    chosen = pick_device(device)
    module = RerankModule(scorer.network).to(chosen).eval()
    heeded: dict[str, float] = read_json(directory / "reranker.json")
    # Half the time in bfloat16 where the processor has it; its scores only break near ties.
    return Reranker(scorer, module, precision=pick_precision("auto", chosen), **heeded)


def _load_index(directory: Path, prototypes: Mapping[str, NDArray[np.float32]]) -> VariantIndex:
    variants = [Variant(*values) for values in read_json(directory / "variants.json")]
    return VariantIndex.load(directory / "index", variants, prototypes)
