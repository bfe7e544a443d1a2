"""Several runs that differ in their seed become one network.

In weights: a greedy soup of the runs (Wortsman et al. 2022, arXiv 2203.05482), for all of them
start from the same weights. In probabilities: their mean teaches a further run (Hinton et al. 2015,
arXiv 1503.02531), for to keep them all would cost an answer as many passes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from common.console import say
from common.models.loading import Pretrained
from common.records.splits import Splits
from common.tuning.distillation.teaching import Teach, finetune_taught
from common.tuning.finetune import Tuned
from common.tuning.processes import is_main_process
from common.tuning.settings import Settings
from common.tuning.task import Metric, Task, TaskModule

R = TypeVar("R")
P = TypeVar("P", bound=Pretrained[Any])
Weights = dict[str, Tensor]


def finetune_together(
    task: Task[R],
    pretrained: P,
    splits: Splits[R],
    settings: Settings,
    teach: Teach | None,
    unlabelled: Sequence[R] = (),
    *,
    load: Callable[[], P],
    work: Path,
    resume: bool = False,
    module: TaskModule | None = None,
) -> Tuned[P]:
    """As `finetune_taught`, by as many runs as the settings have seeds.

    Args:
        unlabelled: records without a label, for a teacher or an ensemble to tell of.
        load: loads the pretrained model anew.

    Raises:
        UserError: as `finetune`.
    """
    if settings.seeds == 1:
        return finetune_taught(
            task,
            pretrained,
            splits,
            settings,
            teach,
            unlabelled,
            work=work,
            resume=resume,
            module=module,
        )

    def run(number: int) -> Tuned[P]:
        if is_main_process():
            say(f"Run {number + 1} of {settings.seeds}")
        return finetune_taught(
            task,
            load(),
            splits,
            settings.model_copy(update={"seeds": 1, "seed": settings.seed + number}),
            teach,
            unlabelled,
            work=work / f"seed-{number}",
            resume=resume,
        )

    if settings.ensemble == "weights":
        return _mixed_in_weights(task, splits, run, settings.seeds)
    teachers = [run(number) for number in range(settings.seeds)]

    def mean(texts: Sequence[str]) -> dict[str, Tensor]:
        independent = frozenset(teachers[0].module.independent_logits)
        return mean_logits([tuned.predict(texts) for tuned in teachers], independent)

    if is_main_process():
        say("The last run, which learns from the others")
    student = finetune_taught(
        task,
        pretrained,
        splits,
        settings,
        mean,
        unlabelled,
        work=work / "student",
        resume=resume,
        module=module,
    )
    spent = sum(tuned.seconds for tuned in teachers)
    return replace(student, seconds=student.seconds + spent)


def mean_logits(
    runs: Sequence[Mapping[str, Tensor]], independent: frozenset[str] = frozenset()
) -> dict[str, Tensor]:
    """Logits of the mean of the runs' probabilities, by the names of the outputs that are logits.

    Args:
        runs: outputs of each, [texts, classes].
        independent: names of the outputs whose labels do not exclude each other.
    """
    found = {}
    for name in runs[0]:
        if not name.endswith("logits"):
            continue
        logits = torch.stack([outputs[name].double() for outputs in runs])
        if name in independent:
            # The log odds of the mean are log Σ p − log Σ (1 − p).
            yes, no = (logsigmoid(sign * logits).logsumexp(0) for sign in (1, -1))
            found[name] = (yes - no).float()
        else:
            found[name] = logits.log_softmax(-1).logsumexp(0).float()
    return found


def _mixed_in_weights(
    task: Task[R], splits: Splits[R], run: Callable[[int], Tuned[P]], seeds: int
) -> Tuned[P]:
    """From the best run to the worst, its weights join the mean if the figure does not suffer.

    Without validation records all of them join.
    """
    runs: list[tuple[float, int, Weights]] = []
    seconds = 0.0
    for number in range(seeds):
        tuned = run(number)
        weights = {n: t.detach().cpu().clone() for n, t in tuned.module.state_dict().items()}
        runs.append((_better(tuned.after, tuned.monitor), number, weights))
        seconds += tuned.seconds

    def measured(weights: Weights) -> dict[str, float]:
        tuned.module.load_state_dict(weights)
        return task.measure(tuned.predict, splits.validation) if splits.validation else {}

    runs.sort(key=lambda one: (-one[0], one[1]))
    best, first, weights = runs[0]
    taken, kept = [first], [weights]
    for _, number, weights in runs[1:]:
        figure = _better(measured(mean_weights([*kept, weights])), tuned.monitor)
        if figure >= best:
            best, taken, kept = figure, [*taken, number], [*kept, weights]
    after = measured(mean_weights(kept))
    if is_main_process():
        named = ", ".join(str(number + 1) for number in taken)
        say(f"The soup is made of {'run' if len(taken) == 1 else 'runs'} {named}")
    return replace(tuned, after=after, seconds=seconds)


def mean_weights(runs: Sequence[Weights]) -> Weights:
    """The mean of each tensor of floating-point numbers."""
    return {
        name: torch.stack([weights[name] for weights in runs]).mean(0)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in runs[0].items()
    }


def _better(figures: Mapping[str, float], monitor: Metric) -> float:
    """The figure, the higher the better; 0 where nothing was measured."""
    figure = figures.get(monitor.name, 0.0)
    return figure if monitor.higher_is_better else -figure
