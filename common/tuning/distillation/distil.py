"""A backbone becomes a smaller and faster one, which `--backbone` takes.

python -m apps.finance_monitor distil --teacher e5-small --layers 6 --texts news.txt --out small
python -m apps.finance_monitor train --news labelled.csv --backbone small
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from torch import nn

from common.console import say
from common.errors import UserError
from common.files import write_json
from common.models.adapting.adapter import adapter_of
from common.models.adapting.adding import fold_adapter
from common.models.devices import pick_device, pick_precision
from common.models.encoder import Encoder, load_encoder, save_encoder
from common.models.heads import Embedder
from common.models.prediction import encode, predict
from common.models.sources.bundled import Source
from common.records.splits import Splits
from common.storage.vectors import VectorCache
from common.tuning.distillation.layers import leave_out_layers
from common.tuning.distillation.vectors import TaughtText, VectorTask
from common.tuning.distillation.vocabulary import read_alike, trim_vocabulary
from common.tuning.finetune import finetune
from common.tuning.pretraining.texts import Texts
from common.tuning.processes import is_main_process
from common.tuning.settings import Settings

RECORD = "distillation.json"


@dataclass(frozen=True)
class Size:
    """Of a network."""

    layers: int
    tokens: int
    parameters: int


@dataclass(frozen=True)
class Distilled:
    """What came of it.

    Attributes:
        before, after: figures of the student on the held-out texts.
        read_alike: share of the held-out texts that are the same tokens as before.
    """

    teacher: Size
    student: Size
    before: dict[str, float]
    after: dict[str, float]
    read_alike: float
    seconds: float


def distil(
    texts: Texts,
    settings: Settings,
    *,
    teacher: Source,
    layers: int,
    trims: bool,
    out: Path,
    root: Path,
    resume: bool = False,
) -> Distilled | None:
    """Teach some of the teacher's layers its vectors, and write them with pooling and prompts.

    Args:
        layers: of the student, as `check_choices` gives it.
        trims: cut the vocabulary down to what the texts to learn from are made of.
        out: a new directory.
        root: the application's directory: checkpoints and the teacher's vectors go there.
        resume: go on with the same run where it was interrupted.

    Returns:
        None in all processes of a `torchrun` but the first.

    Raises:
        UserError: the tokenizer cannot be cut, or the teacher is more than its weights.
    """
    splits = texts.splits
    work = root / "training" / _run_name(texts, settings, teacher, layers, trims=trims)
    whole = load_encoder(teacher)
    student = _untaught(teacher, settings, layers)
    if trims:
        student = trim_vocabulary(student, splits.train)
    sizes = _size(whole), _size(student)
    if is_main_process():
        say(
            f"Teacher: {teacher.name}. {len(splits.train):,} texts to learn from, "
            f"{len(splits.validation):,} held out, {texts.duplicates:,} duplicates left out."
        )
    alike = read_alike(whole, student, splits.validation)
    if layers < sizes[0].layers:
        taught = _taught(whole, [*splits.train, *splits.validation], settings, work / "teacher")
        lessons = Splits(taught[: len(splits.train)], taught[len(splits.train) :], [])
        task = VectorTask(lessons.train)
        tuned = finetune(task, student, lessons, settings, work=work / "student", resume=resume)
        before, after, seconds = tuned.before, tuned.after, tuned.seconds
    elif is_main_process():
        # Texts to learn from have their teacher's vectors already.
        held_out = _taught(whole, splits.validation, settings, work / "teacher")
        run = partial(predict, Embedder(student.pooled()), student)
        before = after = VectorTask(held_out).measure(run, held_out)
        seconds = 0.0
    if not is_main_process():
        return None
    found = Distilled(*sizes, before, after, alike, seconds)
    _write(student, found, texts, settings, out)
    # As large as the texts, and made again in less time than the student learns.
    shutil.rmtree(work / "teacher", ignore_errors=True)
    return found


def _untaught(teacher: Source, settings: Settings, layers: int) -> Encoder:
    student = load_encoder(teacher, dropout=settings.dropout)
    fold_adapter(student.network)
    if (added := adapter_of(student.network)) is not None:
        raise UserError(
            f"--teacher {teacher.name}: what it learned lies beside its weights ({added.kind}), "
            "where a student has no room for it",
            hint="Teach from one that was fine-tuned with strategy full, top-layers:N or lora.",
        )
    leave_out_layers(student.network, layers)
    return student


def _taught(
    teacher: Encoder, texts: Sequence[str], settings: Settings, kept: Path
) -> list[TaughtText]:
    """Texts with the teacher's vectors, each read once; an interrupted run has them already."""
    device = pick_device(settings.device)

    def opened() -> tuple[nn.Module, Encoder]:
        return Embedder(teacher.pooled()).to(device), teacher

    vectors = encode(
        opened,
        texts,
        # Each process of several has its own.
        VectorCache(kept / os.environ.get("RANK", "0")),
        width=teacher.dimension,
        what="the teacher's vectors",
        precision=pick_precision(settings.precision, device),
    )
    return [TaughtText(text, vector) for text, vector in zip(texts, vectors, strict=True)]


def _size(encoder: Encoder) -> Size:
    parameters = sum(parameter.numel() for parameter in encoder.network.parameters())
    config = encoder.network.config
    return Size(int(config.num_hidden_layers), len(encoder.tokenizer), parameters)


def _write(student: Encoder, found: Distilled, texts: Texts, settings: Settings, out: Path) -> None:
    """Whole or not at all."""
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    part.mkdir(parents=True)
    try:
        save_encoder(student, part)
        record = {
            "base_model": student.source.name,
            **asdict(found),
            "data": {
                "sha256": texts.hashes,
                "texts": len(texts.splits.train),
                "held_out": len(texts.splits.validation),
            },
            "settings": settings.model_dump(),
        }
        write_json(part / RECORD, record)
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _run_name(
    texts: Texts, settings: Settings, teacher: Source, layers: int, *, trims: bool
) -> str:
    """The same texts, settings, teacher and size are the same run."""
    hashes = sorted(texts.hashes.values())
    parts: Sequence[object] = [hashes, settings.model_dump(), str(teacher.directory), layers, trims]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]
