"""What an application hands the core to be fine-tuned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from torch import Tensor, nn

from common.errors import UserError

if TYPE_CHECKING:
    from common.models.loading import Backbone, Tokenize
    from common.models.pooling import PooledEncoder

Record = TypeVar("Record", contravariant=True)
Batch = dict[str, Tensor]
Predict = Callable[[Sequence[str]], dict[str, Tensor]]


@dataclass(frozen=True)
class Metric:
    """A figure that chooses the best epoch and stops early."""

    name: str
    higher_is_better: bool = True


class TaskModule(nn.Module):
    """A pretrained encoder, pooled, with a task's heads on top.

    `forward(input_ids, attention_mask, **targets)` returns a dict of tensors [batch, …]; with
    targets it holds the scalar `loss` as well.
    """

    pooled: PooledEncoder


class Task(Protocol[Record]):
    """An application's task: its head, its loss, its batches and its metrics.

    `monitors`, the best first: the first that the validation records can give is watched.
    """

    name: str

    @property
    def monitors(self) -> Sequence[Metric]: ...  # noqa: D102

    def build(self, backbone: Backbone, precision: str = "fp32") -> TaskModule:
        """Put the heads on `backbone`; the result, untrained, is what "before" is measured on.

        Args:
            precision: to read texts in, where heads start from them.
        """

    def text(self, record: Record) -> str:
        """The text that is tokenised for `record`."""

    def collate(self, records: Sequence[Record], tokenize: Tokenize) -> Batch:
        """Token ids, attention mask and targets for one training step.

        Random choices draw from torch's generator, so that a seed repeats them.
        """

    def measure(self, predict: Predict, records: Sequence[Record]) -> dict[str, float]:
        """Metrics on held-out `records`: those that their labels can give.

        Args:
            predict: texts → the module's outputs for them, without gradients.
        """


def choose_monitor(monitors: Sequence[Metric], measured: Mapping[str, float]) -> Metric:
    """The first of `monitors` that the validation records gave.

    Raises:
        UserError: they gave none.
    """
    for metric in monitors:
        if metric.name in measured:
            return metric
    names = ", ".join(metric.name for metric in monitors)
    raise UserError(
        f"the validation records have none of the labels that are learned: none gives {names}",
        hint="Give --validation records that have them, or leave it out: some are then set apart.",
    )
