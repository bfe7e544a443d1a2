"""A task is learned from what a teacher makes of its texts, beside their labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from common.console import say
from common.errors import UserError
from common.finite import require_finite
from common.models.devices import pick_device, pick_precision
from common.models.loading import Pretrained
from common.records.splits import Splits
from common.tuning.finetune import Tuned, finetune
from common.tuning.label_names import NamesLabels, named_records
from common.tuning.labelling.pseudo_labels import new_records
from common.tuning.losses import bernoulli_divergence, softmax_divergence
from common.tuning.processes import is_main_process
from common.tuning.settings import Settings
from common.tuning.task import Batch, Metric, Predict, Task, TaskModule, Tokenize

R = TypeVar("R")
P = TypeVar("P", bound=Pretrained[Any])
# Texts → the teacher's logits by the names of the student's outputs, [texts, classes] each.
Teach = Callable[[Sequence[str]], dict[str, Tensor]]
# Of what a batch holds for the loss alone.
PREFIX = "taught_"
MOST_NAMED = 5


def finetune_taught(
    task: Task[R],
    pretrained: P,
    splits: Splits[R],
    settings: Settings,
    teach: Teach | None,
    unlabelled: Sequence[R] = (),
    *,
    work: Path,
    resume: bool = False,
    module: TaskModule | None = None,
) -> Tuned[P]:
    """As `finetune`, from the labels and from a teacher.

    Args:
        teach: None: from the labels alone.
        unlabelled: records without a label, of which the teacher alone tells something; those that
            stand in `splits` are left out.

    Raises:
        UserError: as `finetune`.
    """
    if teach is None:
        return finetune(task, pretrained, splits, settings, work=work, resume=resume, module=module)
    if module is None:
        device = pick_device(settings.device)
        nn.Module.to(pretrained.network, device)
        module = task.build(pretrained, pick_precision(settings.precision, device))
    more = new_records(task, splits, unlabelled)
    lessons = Splits([*splits.train, *more], splits.validation, splits.test)
    names = named_records(task, lessons.train, settings.label_names)
    texts = list(dict.fromkeys(str(task.input(record)) for record in [*lessons.train, *names]))
    if is_main_process():
        say(f"The teacher reads {len(texts):,} texts, {len(more):,} of them without a label")
    term = Distillation(
        settings.distillation_weight,
        settings.distillation_temperature,
        tuple(module.independent_logits),
    )
    with _withheld(module):
        return finetune(
            TaughtTask(task, teach(texts), texts),
            pretrained,
            lessons,
            settings,
            work=work,
            resume=resume,
            module=module,
            terms=[term],
        )


class TaughtTask(Generic[R]):
    """A task whose batches hold what a teacher made of their texts as well.

    Args:
        task: what is learned.
        logits: of the teacher, by the names of the module's outputs, [texts, classes].
        texts: in the order of the logits, as the task's `input` gives them.
    """

    def __init__(self, task: Task[R], logits: Mapping[str, Tensor], texts: Sequence[str]) -> None:
        for name, values in logits.items():
            require_finite(f"the teacher's {name.replace('_', ' ')}", logits=values.numpy())
        self.name = task.name
        self.task = task
        self.logits = logits
        self._row = {text: row for row, text in enumerate(texts)}

    @property
    def monitors(self) -> Sequence[Metric]:
        """The task's."""
        return self.task.monitors

    def build(self, pretrained: Any, precision: str = "fp32") -> TaskModule:
        """The task's heads."""
        return self.task.build(pretrained, precision)

    def input(self, record: R) -> Any:
        """The task's."""
        return self.task.input(record)

    def collate(self, records: Sequence[R], tokenize: Tokenize) -> Batch:
        """The task's batch, and the teacher's logits."""
        rows = [self._row[self.task.input(record)] for record in records]
        taught = {f"{PREFIX}{name}": values[rows] for name, values in self.logits.items()}
        return self.task.collate(records, tokenize) | taught

    def measure(self, predict: Predict, records: Sequence[R]) -> dict[str, float]:
        """The task's metrics."""
        return self.task.measure(predict, records)

    def label(self, record: R) -> int | None:
        """The task's."""
        found: int | None = self.task.label(record)  # type: ignore[attr-defined]
        return found

    def named(self) -> Mapping[str, R]:
        """The task's."""
        return self.task.named() if isinstance(self.task, NamesLabels) else {}

    def labels_of(self, record: R) -> Sequence[str]:
        """The task's."""
        return self.task.labels_of(record) if isinstance(self.task, NamesLabels) else ()


class Distillation:
    """Knowledge distillation (Hinton et al. 2015, arXiv 1503.02531), a `LossTerm`.

    The loss becomes (1 − w) · L + w · T² · KL(teacher ‖ student), both at temperature T; T² keeps
    the gradients as large as those of the labels. p is a softmax where an output's labels exclude
    each other, a Bernoulli distribution for each label, summed, where they do not.

    Args:
        weight: w, from 0 to 1.
        temperature: T.
        independent: names of the outputs whose labels do not exclude each other.
    """

    def __init__(self, weight: float, temperature: float, independent: Sequence[str] = ()) -> None:
        self.weight = weight
        self.temperature = temperature
        self.independent = frozenset(independent)

    def __call__(self, module: nn.Module, batch: Batch, outputs: dict[str, Tensor]) -> Tensor:
        """How far the student is from its teacher, in place of a part of the labels' loss."""
        apart = [
            self._apart(name, outputs[name], batch[f"{PREFIX}{name}"])
            for name in outputs
            if f"{PREFIX}{name}" in batch
        ]
        return self.weight * (torch.stack(apart).sum() - outputs["loss"])

    def _apart(self, name: str, student: Tensor, teacher: Tensor) -> Tensor:
        student, teacher = student.float() / self.temperature, teacher / self.temperature
        if name in self.independent:
            apart = bernoulli_divergence(teacher, student)
        else:
            apart = softmax_divergence(teacher, student)
        return self.temperature**2 * apart.mean()


@contextmanager
def _withheld(module: nn.Module) -> Iterator[None]:
    """Keep what is taught from `module`, whose `forward` takes the task's own batch."""

    def own(
        _: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        kept = {name: value for name, value in named.items() if not name.startswith(PREFIX)}
        return arguments, kept

    hook = module.register_forward_pre_hook(own, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()


def in_order_of(labels: Sequence[str], of_teacher: Sequence[str], what: str) -> list[int]:
    """Where each of `labels` stands among the teacher's.

    Args:
        what: the labels are, in the plural.

    Raises:
        UserError: it knows others.
    """
    lacks = sorted({*labels} - {*of_teacher})
    besides = sorted({*of_teacher} - {*labels})
    if lacks or besides:
        parts = [
            f"{said}: {', '.join(names[:MOST_NAMED])}{' …' if len(names) > MOST_NAMED else ''}"
            for said, names in (("it does not know", lacks), ("it has besides", besides))
            if names
        ]
        raise UserError(
            f"--teacher: its {what} are not those of the training records; {'; '.join(parts)}",
            hint="Teach from a release that was trained on the same labels.",
        )
    places = {label: place for place, label in enumerate(of_teacher)}
    return [places[label] for label in labels]
