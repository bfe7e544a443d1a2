"""A backbone goes on learning from a user's texts, and is written as one that `--backbone` takes.

python -m apps.finance_monitor pretrain --texts news.txt --out my-backbone
python -m apps.finance_monitor train --news labelled.csv --backbone my-backbone
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.console import say
from common.files import write_json
from common.models.encoder import Encoder, load_encoder, save_encoder
from common.models.generator import load_generator, save_generator
from common.models.loading import holds_causal
from common.models.sources import catalog
from common.models.sources.bundled import Source, locate
from common.records.text import language_of
from common.tuning.finetune import Tuned, finetune
from common.tuning.pretraining.choices import Method
from common.tuning.pretraining.clm import NextTokenModule, TextGenerator
from common.tuning.pretraining.mlm import make_masked
from common.tuning.pretraining.objective import PretrainingTask
from common.tuning.pretraining.simcse import SimcseTask
from common.tuning.pretraining.texts import Texts
from common.tuning.pretraining.tsdae import make_denoising
from common.tuning.processes import is_main_process
from common.tuning.settings import Settings

RECORD = "pretraining.json"


@dataclass(frozen=True)
class Pretrained:
    """What came of it; `before` and `after` are of the held-out texts."""

    method: Method
    before: dict[str, float]
    after: dict[str, float]
    seconds: float


def pretrain(
    texts: Texts,
    settings: Settings,
    *,
    backbone: str,
    method: Method | None,
    out: Path,
    root: Path,
    resume: bool = False,
) -> Pretrained | None:
    """Go on with pretraining, and write the backbone with its pooling, prompts and lengths.

    Args:
        method: None: `clm` for a causal model, else `mlm`.
        out: a new directory.
        root: the application's directory: checkpoints go there.
        resume: go on with the same run where it was interrupted.

    Returns:
        None in all processes of a `torchrun` but the first.

    Raises:
        UserError: the method does not fit the backbone.
    """
    splits = texts.splits
    if backbone == "auto":
        backbone = catalog.for_languages({language_of(text) for text in splits.train})
    source = locate(backbone)
    chosen = method or ("clm" if holds_causal(source.directory) else "mlm")
    work = root / "training" / _run_name(texts, settings, source, chosen)
    if is_main_process():
        say(
            f"Backbone: {source.name}, method: {chosen}. {len(splits.train):,} texts to learn "
            f"from, {len(splits.validation):,} held out, {texts.duplicates:,} duplicates left out."
        )
    pretrained, task = _open(source, chosen, settings)
    tuned = finetune(task, pretrained, splits, settings, work=work, resume=resume)
    if not is_main_process():
        return None
    found = Pretrained(chosen, tuned.before, tuned.after, tuned.seconds)
    _write(tuned, found, texts, settings, out)
    return found


def _open(source: Source, method: Method, settings: Settings) -> tuple[Any, PretrainingTask]:
    if method == "clm":
        plain = load_generator(source, dropout=settings.dropout)
        generator = TextGenerator(plain.source, plain.network, plain.tokenizer, plain.max_length)
        return generator, PretrainingTask(method, NextTokenModule)
    encoder = load_encoder(source, dropout=settings.dropout)
    tasks = {
        "mlm": PretrainingTask(method, make_masked),
        "simcse": SimcseTask(),
        "tsdae": PretrainingTask(method, make_denoising),
    }
    return encoder, tasks[method]


def _write(
    tuned: Tuned[Any], found: Pretrained, texts: Texts, settings: Settings, out: Path
) -> None:
    """Whole or not at all."""
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    part.mkdir(parents=True)
    try:
        if isinstance(tuned.pretrained, Encoder):
            save_encoder(tuned.pretrained, part)
        else:
            save_generator(tuned.pretrained, part)
        record = {
            "base_model": tuned.pretrained.source.name,
            "method": found.method,
            "before": found.before,
            "after": found.after,
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


def _run_name(texts: Texts, settings: Settings, source: Source, method: Method) -> str:
    """The same texts, settings, backbone and method are the same run."""
    hashes = sorted(texts.hashes.values())
    parts = [hashes, settings.model_dump(), str(source.directory), method]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]
