"""What an application hands the core to be fine-tuned: the joint of the two.

What is pretrained comes in three kinds of one shape, `Encoder`, `PairScorer` and `Generator`; a
task takes one of them, and its inputs are what that kind reads: a text, a pair, a conversation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from torch import Tensor, nn

from common.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from common.models.pooling import PooledEncoder

Record = TypeVar("Record", contravariant=True)
Batch = dict[str, Tensor]
Tokenize = Callable[[Sequence[Any]], Batch]
Predict = Callable[[Sequence[Any]], dict[str, Tensor]]


@dataclass(frozen=True)
class Metric:
    """A figure that chooses the best epoch and stops early."""

    name: str
    higher_is_better: bool = True


class TaskModule(nn.Module):
    """A pretrained network with what a task adds to it.

    `forward` takes the batch that the task's `collate` makes, and returns a dict of tensors
    [batch, …]; with targets it holds the scalar `loss` as well. What is not the network's, or above
    its `base_model`, is a head: it starts untrained.
    """

    network: PreTrainedModel

    @property
    def further(self) -> Iterable[nn.Parameter]:
        """Pretrained parameters above the network's `base_model`, which are no head of a task."""
        network: Any = self.network
        output: nn.Module | None = network.get_output_embeddings()
        return () if output is None else output.parameters()

    @property
    def independent_logits(self) -> Iterable[str]:
        """Names of the outputs whose labels do not exclude each other: for each one, a sigmoid."""
        return ()


class EncoderModule(TaskModule):
    """A pooled encoder with a task's heads on top.

    `forward(input_ids, attention_mask, **targets)`.
    """

    pooled: PooledEncoder
    # Whether the loss of a batch says of each record what it says of it alone; a loss that compares
    # records cannot be learned with privacy.
    is_record_by_record = False
    # What of a batch compares records all the same, where it is there.
    between_records: frozenset[str] = frozenset()
    # Whether `forward` takes `vectors` [texts, width] in place of their tokens.
    takes_vectors = False

    def can_part(self, batch: Batch) -> bool:
        """Whether the loss of this batch is the mean of that of its parts."""
        return self.is_record_by_record and not self.between_records & batch.keys()

    @property
    def network(self) -> PreTrainedModel:  # type: ignore[override]
        """The encoder below the pooling."""
        network: Any = self.pooled.encoder
        return network  # type: ignore[no-any-return]

    @property
    def further(self) -> Iterable[nn.Parameter]:
        """The projections of the encoder's own directory."""
        return self.pooled.pooling.parameters()


class LossTerm(Protocol):
    """What a technique adds to a task's own loss: a penalty, or a teacher's opinion."""

    def __call__(self, module: nn.Module, batch: Batch, outputs: dict[str, Tensor]) -> Tensor:
        """The scalar that is added for one batch.

        Args:
            module: what computed `outputs` from `batch`; it may be asked once more.
        """


class Task(Protocol[Record]):
    """An application's task: its head, its loss, its batches and its metrics.

    `monitors` are the figures that may be watched, the usual ones first: the first that the
    validation records can give is, unless the settings name another.
    """

    name: str

    @property
    def monitors(self) -> Sequence[Metric]: ...  # noqa: D102

    def build(self, pretrained: Any, precision: str = "fp32") -> TaskModule:
        """Put the heads on `pretrained`; the result, untrained, is what "before" is measured on.

        Args:
            pretrained: of the kind that the task takes.
            precision: to read texts in, where heads start from them.
        """

    def input(self, record: Record) -> Any:
        """What is tokenised for `record`: a text, a pair or a conversation."""

    def collate(self, records: Sequence[Record], tokenize: Tokenize) -> Batch:
        """Token ids, attention mask and targets for one training step.

        Random choices draw from torch's generator, so that a seed repeats them.
        """

    def measure(self, predict: Predict, records: Sequence[Record]) -> dict[str, float]:
        """Metrics on held-out `records`: those that their labels can give.

        Args:
            predict: inputs → the module's outputs for them, without gradients.
        """


@runtime_checkable
class Classed(Protocol[Record]):
    """A task that can say which class a record is of; few-shot techniques ask for it."""

    def label(self, record: Record) -> int | None:
        """Number of the class of `record`; None where it has none."""


def check_monitor(monitors: Sequence[Metric], wanted: str | None) -> None:
    """See that a task has the figure that the settings name.

    Raises:
        UserError: it has not.
    """
    names = [metric.name for metric in monitors]
    if wanted is not None and wanted not in names:
        raise UserError(
            f"setting monitor: this task has no figure {wanted!r}",
            hint=f"It has {', '.join(names)}.",
        )


def choose_monitor(
    monitors: Sequence[Metric], measured: Mapping[str, float], wanted: str | None = None
) -> Metric:
    """The one `wanted`, or else the first of `monitors`, that the validation records gave.

    Raises:
        UserError: they gave none, or not this one.
    """
    if wanted is not None and wanted not in measured:
        given = [metric.name for metric in monitors if metric.name in measured]
        raise UserError(
            f"setting monitor: the validation records do not give {wanted}",
            hint=f"They give {', '.join(given) or 'no figure at all'}.",
        )
    monitors = [metric for metric in monitors if wanted in {None, metric.name}]
    for metric in monitors:
        if metric.name in measured:
            return metric
    names = ", ".join(metric.name for metric in monitors)
    raise UserError(
        f"the validation records have none of the labels that are learned: none gives {names}",
        hint="Give --validation records that have them, or leave it out: some are then set apart.",
    )
