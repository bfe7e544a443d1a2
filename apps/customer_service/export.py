"""A release as ONNX in 8 bits, if it answers as the release does."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from apps.customer_service.answering import Answerer
from common.errors import RefusedError, UserError
from common.files import write_json
from common.models.encoder import predict
from common.models.onnx_export import export_int8, predict_int8

MODEL = "model.onnx"
# When all is well 8 bits cost a hundredth of the cosine; the first answer changes where two FAQs
# were nearly equal.
LEAST_COSINE = 0.97
LEAST_SAME = 0.9


@dataclass(frozen=True)
class Agreement:
    """Mean cosine of the embeddings, and the share of questions with the same first answer.

    The first answer is the first FAQ; in a release of intents alone, the intent.
    """

    questions: int
    cosine: float
    same_first: float
    megabytes: float


def export(
    answerer: Answerer, questions: Sequence[str], directory: Path, least_same: float = LEAST_SAME
) -> Agreement:
    """Write model, tokenizer and `export.json` into a new `directory`.

    Args:
        questions: normalised, in scope, held out from training: the agreement is measured on them.
        least_same: smallest tolerated share of questions with the same first answer.

    Raises:
        RefusedError: it answers otherwise than the release; nothing is written.
        UserError: `directory` is there already, or there are no questions.
    """
    if directory.exists():
        raise UserError("it is there already", where=str(directory), mend="Choose another --out.")
    if not questions:
        raise UserError("no questions to measure the agreement on")
    with TemporaryDirectory() as folder:
        path = Path(folder) / MODEL
        names = export_int8(answerer.module, answerer.backbone, path)
        found = _agreement(answerer, questions, path)
        _check(found, least_same)
        directory.mkdir(parents=True)
        shutil.copy(path, directory / MODEL)
    answerer.backbone.tokenizer.save_pretrained(directory)
    about = {
        "release_id": answerer.release_id,
        "prefix": answerer.backbone.source.query_prefix,
        "outputs": names,
        "intents": answerer.intents,
        "faqs": answerer.prototype_ids,
        "agreement": asdict(found),
    }
    write_json(directory / "export.json", about)
    return found


def _agreement(answerer: Answerer, questions: Sequence[str], path: Path) -> Agreement:
    ours = predict(answerer.module, answerer.backbone, questions)
    theirs = predict_int8(path, answerer.backbone, questions)
    cosine = torch.cosine_similarity(ours["embedding"], theirs["embedding"]).mean()
    firsts = [_firsts(answerer, questions, outputs) for outputs in (ours, theirs)]
    same = sum(a == b for a, b in zip(*firsts, strict=True)) / len(questions)
    return Agreement(len(questions), float(cosine), same, path.stat().st_size / 1e6)


def _firsts(
    answerer: Answerer, questions: Sequence[str], outputs: dict[str, Tensor]
) -> list[str | None]:
    firsts: list[str | None] = []
    for question, understood in zip(questions, answerer.read(outputs), strict=True):
        ranking = answerer.rank(question, understood)
        likeliest = max(understood.intents, key=lambda name: understood.intents[name], default=None)
        firsts.append(ranking[0].faq_id if ranking else likeliest)
    return firsts


def _check(found: Agreement, least_same: float) -> None:
    if found.cosine >= LEAST_COSINE and found.same_first >= least_same:
        return
    raise RefusedError(
        f"in 8 bits it answers otherwise: the same first answer to {found.same_first:.1%} of "
        f"{found.questions} questions (at least {least_same:.0%}), mean cosine {found.cosine:.3f} "
        f"(at least {LEAST_COSINE})",
        mend="Nothing is written.",
    )
