"""Fine-tune a generator on approved replies, and put it into a release.

python -m apps.customer_service teach --replies data_samples/customer_service/replies.jsonl
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from apps.customer_service.answers.answering import Answerer
from apps.customer_service.generation.agreement import read_beside
from apps.customer_service.generation.kept import GENERATOR, has_generator, load_own, with_generator
from apps.customer_service.generation.rewriting import gate_of, sentences_of
from apps.customer_service.generation.support import Gate
from apps.customer_service.replies.measuring import Measured, measure
from apps.customer_service.replies.reading import Replies
from apps.customer_service.replies.schema import Exchange
from common.console import progress, say
from common.errors import RefusedError
from common.evaluation.compare import Difference, paired_bootstrap
from common.models.devices import pick_device
from common.models.generator import Generator, load_generator, save_generator
from common.models.sources.bundled import Source, locate
from common.models.sources.catalog import CHECKPOINTS
from common.records.splits import Splits
from common.releases import gate as promotion
from common.releases.registry import Registry
from common.releases.release import MANIFEST, Release, write_release
from common.tuning.finetune import Tuned, finetune
from common.tuning.pretraining.clm import NextTokenModule
from common.tuning.pretraining.objective import PretrainingTask
from common.tuning.processes import is_main_process
from common.tuning.settings import Settings
from common.tuning.starting import run_name

# Of the manifest, what is another release's own.
NOT_KEPT = ("release_id", "created", "content", "libraries", "files", "learned")
DIFFERENCE = "faithful sentences"


@dataclass(frozen=True)
class Taught:
    """The release with its generator; the figures are of held-out replies."""

    release: Release
    before: dict[str, float]
    after: dict[str, float]
    difference: Difference
    promoted: bool

    def to_json(self) -> dict[str, Any]:
        """What `teach --json` prints."""
        return {
            "release_id": self.release.release_id,
            "promoted": self.promoted,
            "before": self.before,
            "after": self.after,
        }


def teach(
    registry: Registry,
    release: Release,
    answerer: Answerer,
    replies: Replies,
    settings: Settings,
    *,
    base: str,
    resume: bool = False,
    promote: bool | None = None,
) -> Taught | None:
    """Fine-tune, measure before and after, write a release, and promote it if the gate lets it.

    The best epoch is the one that finds the validation replies likeliest.

    Args:
        release: what the new one holds besides.
        answerer: that release's; its gate judges what is written.
        base: the causal model by name, hub id or directory.
        resume: go on with the same run where it was interrupted.
        promote: None: the gate decides; True: also where the gate sees too little; False: never.

    Returns:
        None in all processes of a `torchrun` but the first.

    Raises:
        UserError: not a causal model, or too few replies in a language that it knows.
        RefusedError: the release is kept, but its generator is less faithful than the one that
            writes for the serving release, or than the model was before it learned.
    """
    source = locate(base)
    if (known := CHECKPOINTS.get(source.name)) and known.languages:
        replies = replies.only_in(known.languages)
    splits = replies.splits
    gate = gate_of(answerer)
    if is_main_process():
        _say_what_is_learned(source, splits)
    generator = load_generator(source, dropout=settings.dropout, quantised=settings.quantised_base)
    nn.Module.to(generator.network, pick_device(settings.device))
    name = run_name(replies.hashes, settings, source, release.release_id)
    work = registry.root / "training" / name
    before = None
    if is_main_process():
        # Beside the run's folder, which begins empty.
        kept = work.with_name(f"{name}.before.json")
        before = Measured.load(kept) if resume and kept.exists() else None
        if before is None:
            before = measure(generator, gate, splits.test, "before")
            before.save(kept)
    lessons = Splits(*([one.lesson for one in side] for side in vars(splits).values()))
    task = PretrainingTask("replies", NextTokenModule)
    tuned = finetune(task, generator, lessons, settings, work=work, resume=resume)
    if before is None:
        return None
    after = measure(generator, gate, splits.test, "after")
    serving = _of_serving(registry, gate, splits.test) or before
    difference = paired_bootstrap(serving.passed, after.passed)
    recorded = _manifest(release, replies, settings, tuned, before, after)
    written = write_release(registry.releases, lambda to: _fill(release, generator, to), recorded)
    promoted = promote is not False and _let_serve(
        registry, release, written, difference, insisted=promote is True
    )
    return Taught(written, before.summary(), after.summary(), difference, promoted)


def _say_what_is_learned(source: Source, splits: Splits[Exchange]) -> None:
    """How many there are, and how many of them the gate would not let through as they are."""
    every = [*splits.train, *splits.validation, *splits.test]
    held = []
    with progress("Reading the replies beside their sources", len(every)) as advance:
        for one in every:
            if not _is_faithful(one):
                held.append(one)
            advance()
    say(
        f"Generator: {source.name}. {len(splits.train)} approved replies to learn from, "
        f"{len(splits.validation)} choose the best epoch, {len(splits.test)} are held out."
    )
    if held:
        say(
            f"{len(held)} of {len(every)} say something that the gate holds back, as the reply to "
            f"{held[0].question!r}: nearer to the words of the sources, they would teach more."
        )


def _is_faithful(exchange: Exchange) -> bool:
    """Whether each sentence agrees with a source; its score, which takes a model, is left out."""
    texts = [text for _, text in exchange.sources]
    return all(
        any(read_beside(sentence, text).refusal is None for text in texts)
        for sentence in sentences_of(exchange.reply)
    )


def _of_serving(registry: Registry, gate: Gate, held_out: Sequence[Exchange]) -> Measured | None:
    """What the generator of the serving release writes, if it has one."""
    serving = registry.open() if registry.current_id() else None
    if serving is None or not has_generator(serving):
        return None
    return measure(load_own(serving), gate, held_out, "by the serving release")


def _fill(release: Release, generator: Generator, directory: Path) -> None:
    """The files of a release under another name, and the generator in place of any it has."""
    for path in release.directory.iterdir():
        if path.name in {MANIFEST, GENERATOR}:
            continue
        if path.is_dir():
            shutil.copytree(path, directory / path.name, copy_function=os.link)
        else:
            os.link(path, directory / path.name)
    save_generator(generator, directory / GENERATOR)


def _manifest(
    release: Release,
    replies: Replies,
    settings: Settings,
    tuned: Tuned[Generator],
    before: Measured,
    after: Measured,
) -> dict[str, Any]:
    kept = {name: value for name, value in release.manifest.items() if name not in NOT_KEPT}
    recorded = {
        "base_model": tuned.pretrained.source.name,
        "languages": sorted(replies.languages),
        "settings": settings.model_dump(),
        "seconds": round(tuned.seconds, 1),
        "trained_parameters": tuned.trained_parameters,
        "precision": tuned.precision,
        "data": {
            "sha256": replies.hashes,
            "counts": {name: len(side) for name, side in vars(replies.splits).items()},
        },
        "before": before.summary() | tuned.before,
        "after": after.summary() | tuned.after,
    }
    made = Release(release.directory, {GENERATOR: recorded})
    return with_generator({**kept, "parent": release.release_id}, made)


def _let_serve(
    registry: Registry,
    parent: Release,
    release: Release,
    difference: Difference,
    *,
    insisted: bool,
) -> bool:
    say(promotion.check(DIFFERENCE, difference, insisted=insisted))
    if not registry.promote_over(parent.release_id, release.release_id):
        raise RefusedError(
            "another release was promoted meanwhile, and this one knows nothing of it",
            hint=f"Teach once more, or promote it all the same: releases promote "
            f"{release.release_id}.",
        )
    return True
