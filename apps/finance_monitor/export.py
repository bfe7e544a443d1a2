"""A release as ONNX in 8 bits, if it says what the release says."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from apps.finance_monitor.classifying import Classifier
from apps.finance_monitor.schema import SENTIMENTS
from common.errors import RefusedError, UserError
from common.files import write_json
from common.models.encoder import predict
from common.models.onnx_export import export_int8, predict_int8

MODEL = "model.onnx"
# When all is well 8 bits cost a hundredth of the cosine and the label of five texts in a hundred,
# those in two minds.
LEAST_COSINE = 0.97
LEAST_SAME = 0.9


@dataclass(frozen=True)
class Agreement:
    """Mean cosine of the embeddings, and the share of texts with the same label.

    The label is the sentiment; in a release of topics alone, the likeliest topic.
    """

    texts: int
    cosine: float
    same_label: float
    megabytes: float


def export(classifier: Classifier, texts: Sequence[str], directory: Path) -> Agreement:
    """Write model, tokenizer and `export.json` into a new `directory`.

    Args:
        texts: prepared, held out from training: the agreement is measured on them.

    Raises:
        RefusedError: it says otherwise than the release; nothing is written.
        UserError: `directory` is there already, or there are no texts.
    """
    if directory.exists():
        raise UserError("it is there already", where=str(directory), mend="Choose another --out.")
    if not texts:
        raise UserError("no texts to measure the agreement on")
    with TemporaryDirectory() as folder:
        path = Path(folder) / MODEL
        names = export_int8(classifier.module, classifier.backbone, path)
        found = _agreement(classifier, texts, path)
        _check(found)
        directory.mkdir(parents=True)
        shutil.copy(path, directory / MODEL)
    classifier.backbone.tokenizer.save_pretrained(directory)
    about = {
        "release_id": classifier.release_id,
        "prefix": classifier.backbone.source.query_prefix,
        "outputs": names,
        "sentiments": SENTIMENTS,
        "topics": classifier.topics,
        "temperatures": classifier.temperatures,
        "agreement": asdict(found),
    }
    write_json(directory / "export.json", about)
    return found


def _agreement(classifier: Classifier, texts: Sequence[str], path: Path) -> Agreement:
    ours = predict(classifier.module, classifier.backbone, texts)
    theirs = predict_int8(path, classifier.backbone, texts)
    cosine = torch.cosine_similarity(ours["embedding"], theirs["embedding"]).mean()
    head = "sentiment_logits" if "sentiment_logits" in ours else "topic_logits"
    same = (ours[head].argmax(-1) == theirs[head].argmax(-1)).float().mean()
    return Agreement(len(texts), float(cosine), float(same), path.stat().st_size / 1e6)


def _check(found: Agreement) -> None:
    if found.cosine >= LEAST_COSINE and found.same_label >= LEAST_SAME:
        return
    raise RefusedError(
        f"in 8 bits it says otherwise: the same label for {found.same_label:.1%} of "
        f"{found.texts} texts (at least {LEAST_SAME:.0%}), mean cosine {found.cosine:.3f} "
        f"(at least {LEAST_COSINE})",
        mend="Nothing is written.",
    )
