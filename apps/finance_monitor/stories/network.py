"""What reads texts for a classifier: the model that was trained, or the same in 8 bits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from common.models.prediction import predict

if TYPE_CHECKING:
    from apps.finance_monitor.stories.news_model import NewsModel
    from common.models.encoder import Encoder
    from common.models.int8.reader import Int8Reader

Floats = NDArray[np.float32]


class Network(Protocol):
    """A release's model.

    Attributes:
        has_sentiment: of a text as a whole.
        has_targets: of a company in it.
        has_many_topics: a text may have several.
        trained: the model as it was trained.
    """

    @property
    def has_sentiment(self) -> bool: ...  # noqa: D102
    @property
    def has_targets(self) -> bool: ...  # noqa: D102
    @property
    def has_many_topics(self) -> bool: ...  # noqa: D102
    @property
    def trained(self) -> FullPrecision: ...  # noqa: D102

    def outputs(self, texts: Sequence[str]) -> dict[str, Floats]:
        """`embedding` [texts, width], and the logits that `NewsModel` has."""


@dataclass(frozen=True, eq=False)
class FullPrecision:
    """The model as it was trained, in torch.

    Attributes:
        thread: what it computes in, whichever thread asks, for a team of OpenMP's threads each
            would be more than there are cores (see `in_own_thread`); None: in the one that asks.
    """

    module: NewsModel
    backbone: Encoder
    precision: str = "fp32"
    thread: Executor | None = None

    @property
    def has_sentiment(self) -> bool:
        """As `Network` has it."""
        return self.module.sentiments is not None

    @property
    def has_targets(self) -> bool:
        """As `Network` has it."""
        return self.module.targets is not None

    @property
    def has_many_topics(self) -> bool:
        """As `Network` has it."""
        return self.module.topic_bias is not None

    @property
    def trained(self) -> FullPrecision:
        """Itself."""
        return self

    def outputs(self, texts: Sequence[str]) -> dict[str, Floats]:
        """As `Network` has it."""
        if self.thread is None:
            return self._outputs(texts)
        return self.thread.submit(self._outputs, texts).result()

    def _outputs(self, texts: Sequence[str]) -> dict[str, Floats]:
        found = predict(self.module, self.backbone, texts, precision=self.precision)
        return {name: values.numpy() for name, values in found.items()}


class EightBit:
    """The same in 8 bits, without torch.

    Args:
        heads: the names in the release's `heads.safetensors`.
        load: the model as it was trained, for what 8 bits cannot do, such as gradients.
    """

    def __init__(
        self, reader: Int8Reader, heads: Iterable[str], load: Callable[[], FullPrecision]
    ) -> None:
        self._reader = reader
        self._load = load
        named = {name.partition(".")[0] for name in heads}
        self.has_sentiment = "sentiments" in named
        self.has_targets = "targets" in named
        self.has_many_topics = "topic_bias" in named

    @cached_property
    def trained(self) -> FullPrecision:
        """Loaded when it is first asked for."""
        return self._load()

    def outputs(self, texts: Sequence[str]) -> dict[str, Floats]:
        """As `Network` has it."""
        return self._reader.outputs(texts)
