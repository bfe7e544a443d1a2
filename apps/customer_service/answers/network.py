"""What reads questions for an answerer: the model that was trained, or the same in 8 bits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from common.models.devices import pick_precision
from common.models.prediction import predict

if TYPE_CHECKING:
    from apps.customer_service.task import AnswerModel
    from common.models.encoder import Encoder
    from common.models.int8.reader import Int8Reader

Floats = NDArray[np.float32]


class Network(Protocol):
    """A release's model.

    Attributes:
        intent_scale: what the cosines to the intents are multiplied by; 1 where there are none.
        faq_scale: the same of the FAQs.
        dimension: of an embedding.
        projection: [width, width], from what the encoder makes to an embedding.
        trained: the model as it was trained.
    """

    @property
    def intent_scale(self) -> float: ...  # noqa: D102
    @property
    def faq_scale(self) -> float: ...  # noqa: D102
    @property
    def dimension(self) -> int: ...  # noqa: D102
    @property
    def projection(self) -> Floats: ...  # noqa: D102
    @property
    def trained(self) -> FullPrecision: ...  # noqa: D102

    def outputs(self, questions: Sequence[str]) -> dict[str, Floats]:
        """`embedding` [questions, width], and logits as `AnswerModel` has them."""

    def token_counts(self, questions: Sequence[str]) -> list[int]:
        """Number of tokens of each, without padding."""

    def prototypes(self, faq_ids: Sequence[str]) -> dict[str, Floats]:
        """FAQ id → its prototype, of length 1; `faq_ids` in the order of the classes."""

    def quick(self) -> Network:
        """The same for thousands of texts, in bfloat16 where the processor has it."""


@dataclass(frozen=True, eq=False)
class FullPrecision:
    """The model as it was trained, in torch."""

    module: AnswerModel
    backbone: Encoder
    precision: str = "fp32"

    @property
    def intent_scale(self) -> float:
        """As `Network` has it."""
        return self.module.intent_scale

    @property
    def faq_scale(self) -> float:
        """As `Network` has it."""
        faqs = self.module.faqs
        return 1.0 if faqs is None else float(faqs.log_scale.detach().exp())

    @property
    def dimension(self) -> int:
        """As `Network` has it."""
        return self.backbone.dimension

    @property
    def projection(self) -> Floats:
        """As `Network` has it."""
        weight: Floats = self.module.projection.weight.detach().float().cpu().numpy()
        return weight

    @property
    def trained(self) -> FullPrecision:
        """Itself."""
        return self

    def outputs(self, questions: Sequence[str]) -> dict[str, Floats]:
        """As `Network` has it."""
        found = predict(self.module, self.backbone, questions, precision=self.precision)
        return {name: values.numpy() for name, values in found.items()}

    def token_counts(self, questions: Sequence[str]) -> list[int]:
        """As `Network` has it."""
        return self.backbone.token_counts(questions)

    def prototypes(self, faq_ids: Sequence[str]) -> dict[str, Floats]:
        """As `Network` has it."""
        return self.module.prototypes(faq_ids)

    def quick(self) -> FullPrecision:
        """As `Network` has it."""
        device = next(self.module.parameters()).device
        return replace(self, precision=pick_precision("auto", device))


class EightBit:
    """The same in 8 bits, without torch.

    Args:
        heads: the arrays of the release's `heads.safetensors`.
        load: the model as it was trained, for what 8 bits cannot do, such as gradients.
    """

    def __init__(
        self, reader: Int8Reader, heads: Mapping[str, Floats], load: Callable[[], FullPrecision]
    ) -> None:
        self._reader = reader
        self._load = load
        self._directions = heads.get("faqs.directions")
        self.intent_scale = _scale(heads, "intents")
        self.faq_scale = _scale(heads, "faqs")
        self.projection = heads["projection.weight"]
        self.dimension = len(self.projection)

    @cached_property
    def trained(self) -> FullPrecision:
        """Loaded when it is first asked for."""
        return self._load()

    def outputs(self, questions: Sequence[str]) -> dict[str, Floats]:
        """As `Network` has it."""
        return self._reader.outputs(questions)

    def token_counts(self, questions: Sequence[str]) -> list[int]:
        """As `Network` has it."""
        return self._reader.token_counts(questions)

    def prototypes(self, faq_ids: Sequence[str]) -> dict[str, Floats]:
        """As `Network` has it."""
        if self._directions is None:
            return {}
        lengths = np.linalg.norm(self._directions, axis=-1, keepdims=True)
        unit = self._directions / np.maximum(lengths, 1e-12)
        return dict(zip(faq_ids, unit, strict=True))

    def quick(self) -> EightBit:
        """Itself."""
        return self


def _scale(heads: Mapping[str, Floats], name: str) -> float:
    key = f"{name}.log_scale"
    return float(np.exp(heads[key])) if key in heads else 1.0
