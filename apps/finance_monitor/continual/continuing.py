"""A release trained further: on new texts and new labels, without forgetting the old ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from apps.finance_monitor import evaluate
from apps.finance_monitor.continual.growing import grow, growing_task
from apps.finance_monitor.data import Dataset, Example
from apps.finance_monitor.evaluate import WHAT, Outcome
from apps.finance_monitor.learning.lessons import Lessons, among, load_lessons, spelled
from apps.finance_monitor.release import load_release, reopen, tickers_of
from apps.finance_monitor.stories.classifying import Classifier
from apps.finance_monitor.stories.news_model import NewsModel
from apps.finance_monitor.task import FinanceMonitorTask
from common.console import say
from common.errors import UserError
from common.learning.purging import purged
from common.learning.replay import herd_each
from common.models.encoder import Encoder
from common.models.heads import Embedder
from common.models.prediction import predict
from common.records.audit import Audit
from common.records.splits import Splits
from common.releases.registry import Registry
from common.releases.release import Release
from common.tuning.continual.forgetting import Forgetting
from common.tuning.processes import is_main_process
from common.tuning.settings import Settings
from common.tuning.task import LossTerm


@dataclass(frozen=True)
class Parent:
    """The release that another is trained from.

    Attributes:
        old: how many of the held-out texts are old; they come first.
        lessons: what the new release keeps.
    """

    release: Release
    old: int
    lessons: Lessons

    def forgetting(self, before: Sequence[Outcome], after: Sequence[Outcome]) -> list[Forgetting]:
        """Held-out texts, read before and after: of all that old ones tell, one for each."""
        found = []
        for what in WHAT:
            was, now = (
                [outcome.verdicts[what] for outcome in outcomes] for outcomes in (before, after)
            )
            if any(verdict is not None for verdict in was[: self.old]):
                found.append(Forgetting.of(what, was, now, self.old))
        return found


@dataclass(frozen=True)
class Beginning:
    """A model before it learns, and what it is to learn.

    Attributes:
        dataset: what is learned and measured on; old texts and new ones, where there is a parent.
        before: what is made of the held-out texts before.
    """

    dataset: Dataset
    task: FinanceMonitorTask
    encoder: Encoder
    module: NewsModel
    before: list[Outcome]
    terms: Sequence[LossTerm] = ()
    parent: Parent | None = None


def continue_from(
    registry: Registry, release_id: str, new: Dataset, settings: Settings, backbone: str
) -> Beginning:
    """Open a release, and make ready what it is to learn.

    Raises:
        UserError: there is no such release, it is of another backbone, it holds no texts to keep
            its knowledge by, or the new texts are too few.
    """
    release = registry.open(release_id)
    _check_backbone(release, backbone)
    tickers = {**tickers_of(release), **new.tickers}
    # All as the new release reads them, so that a text is known again by its other spelling.
    lessons = load_lessons(release).without(purged(registry)).spelled(tickers)
    new = replace(
        new, splits=Splits(*(spelled(some, tickers) for some in vars(new.splits).values()))
    )
    if not lessons.train or not lessons.golden or not lessons.validation:
        raise UserError(
            f"release {release_id} holds no texts any more to keep its knowledge by",
            hint="Run `train` on all of the texts, without --from.",
        )
    audit = Audit([one for one in new.audit.findings if one.code != "one_label"])
    new = replace(_without_known(new, lessons), audit=audit)
    audit.raise_on_errors()
    if not new.splits.train or not new.splits.validation:
        raise UserError(
            "too few new texts to learn from",
            hint="Give more texts: a few of each label are held out for evaluation.",
        )
    old = reopen(release, settings.device, settings.dropout)
    exemplars = _exemplars(lessons, new, old, settings)
    taught = Lessons(exemplars, [], []).with_examples(new.splits.train)
    task = growing_task(taught.train, old, settings)
    train = task.training if settings.replays else new.splits.train
    dataset = replace(new, splits=_splits(lessons, new.splits, train), tickers=tickers)
    module, terms = grow(task, old, exemplars, settings)
    held_out = dataset.splits.test or dataset.splits.validation
    kept = lessons.with_examples(new.splits.train).train
    lessons_kept = Lessons(kept, dataset.splits.validation, dataset.splits.test)
    return Beginning(
        dataset=dataset,
        task=task,
        encoder=old.backbone,
        module=module,
        before=evaluate.run(load_release(release, device=settings.device), held_out),
        terms=terms,
        parent=Parent(release, len(lessons.golden), lessons_kept),
    )


def _check_backbone(release: Release, backbone: str) -> None:
    own = str(release.manifest.get("base_model"))
    if backbone not in {"auto", own}:
        raise UserError(
            f"--backbone {backbone}: release {release.release_id} is of {own}, and goes on with it",
            hint="Leave --backbone out, or train from the beginning, without --from.",
        )


def _without_known(new: Dataset, lessons: Lessons) -> Dataset:
    """New texts that candidates are measured on are not learned, nor the other way round."""
    is_measured = among([*lessons.validation, *lessons.test])
    is_known = among(lessons.examples)
    splits = new.splits
    kept = Splits(
        [one for one in splits.train if not is_measured(one)],
        [one for one in splits.validation if not is_known(one)],
        [one for one in splits.test if not is_known(one)],
    )
    for what, count in (
        ("release is measured on them", len(splits.train) - len(kept.train)),
        (
            "release learned them, or is measured on them already",
            len(splits.validation) + len(splits.test) - len(kept.validation) - len(kept.test),
        ),
    ):
        if count and is_main_process():
            say(f"{count:,} new texts are left out: the {what}")
    return replace(new, splits=kept)


def _exemplars(
    lessons: Lessons, new: Dataset, old: Classifier, settings: Settings
) -> list[Example]:
    """Old texts that stand for their labels, but for those that are measured on from now on."""
    is_measured = among([*new.splits.validation, *new.splits.test])
    known = [one for one in lessons.train if not is_measured(one)]
    reader = Embedder(old.module.pooled)
    found = predict(reader, old.backbone, [one.text for one in known])["embedding"].numpy()
    rows = herd_each(
        np.asarray(found, dtype=np.float32), [_labels(one) for one in known], settings.exemplars
    )
    return [known[row] for row in rows]


def _labels(example: Example) -> list[tuple[str, str]]:
    found = [("topic", name) for name in example.topics or ()]
    found += [("sentiment", example.sentiment)] if example.sentiment else []
    return found + ([("target", example.target)] if example.target else [])


def _splits(lessons: Lessons, new: Splits[Example], train: Sequence[Example]) -> Splits[Example]:
    """Held out are the old texts and then the new; where one side has no test, its validation."""
    is_tested = bool(lessons.test or new.test)
    return Splits(
        list(train),
        [*lessons.validation, *new.validation],
        [*lessons.golden, *(new.test or new.validation)] if is_tested else [],
    )
