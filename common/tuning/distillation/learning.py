"""All that a `train` may learn from: labels, a teacher, several runs, texts without labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from common.models.loading import Pretrained
from common.records.splits import Splits
from common.tuning.distillation.ensembling import finetune_together
from common.tuning.distillation.teaching import Teach
from common.tuning.finetune import Tuned
from common.tuning.labelling.pseudo_labels import Facet, PseudoLabels, second_round
from common.tuning.settings import Settings
from common.tuning.task import Task, TaskModule

R = TypeVar("R")
P = TypeVar("P", bound=Pretrained[Any])


def learn(
    task: Task[R],
    pretrained: P,
    splits: Splits[R],
    settings: Settings,
    *,
    teach: Teach | None,
    unlabelled: Sequence[R],
    facet: Facet[R] | None,
    load: Callable[[], P],
    work: Path,
    resume: bool,
    module: TaskModule,
) -> tuple[Tuned[P], PseudoLabels | None]:
    """Fine-tune, and once more with the unlabelled texts that the first round is sure of.

    Args:
        teach: a teacher; it, or an ensemble, tells of the unlabelled texts at once.
        facet: which label an unlabelled text may be given; None: there is no second round.
        load: loads the pretrained model anew.
        module: what `task.build(pretrained)` gave.

    Raises:
        UserError: as `finetune_together` and `second_round`.
    """
    options: dict[str, Any] = {"load": load, "resume": resume}
    tuned = finetune_together(
        task, pretrained, splits, settings, teach, unlabelled, work=work, module=module, **options
    )
    rounds = work / "unlabelled"
    return second_round(task, tuned, splits, unlabelled, facet, settings, work=rounds, **options)
