"""What an application of one's own tells of itself; all else is done for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from pydantic import BaseModel

if TYPE_CHECKING:
    from common.models.encoder import Encoder
    from common.records.splits import Splits
    from common.releases.release import Release
    from common.tuning.settings import Settings
    from common.tuning.task import Task

# What its releases are compared by: the share of held-out examples that is answered right.
FIGURE = "right"


class Question(Protocol):
    """What is asked."""

    @property
    def text(self) -> str:
        """What is kept of it, masked."""

    @property
    def cost(self) -> int:
        """About how many tokens the model reads."""


class Answer(Protocol):
    """What is answered."""

    @property
    def id(self) -> str:
        """An id of its own."""

    @property
    def release_id(self) -> str:
        """The release that answered."""

    @property
    def given(self) -> dict[str, Any]:
        """What is kept of it."""


class Correction(Protocol):
    """What somebody says is right of an answer."""

    @property
    def answer_id(self) -> str:
        """The answer's id."""

    def wanted(self, given: dict[str, Any], *, trusted: bool) -> dict[str, Any]:
        """What is learned of it; `given` is the answer's, `trusted` who says it."""


class Example(Protocol):
    """What is learned from; `stratum` is what each part of a split has its share of."""

    @property
    def text(self) -> str: ...  # noqa: D102
    @property
    def stratum(self) -> str: ...  # noqa: D102
    @property
    def question(self) -> Any: ...  # noqa: D102

    def is_right(self, answer: Any) -> bool:
        """Whether an answer to its question is right."""


class Model(Protocol):
    """What answers: made of a task while it is trained, or loaded of a release."""

    @classmethod
    def of(cls, task: Any, module: Any, encoder: Encoder) -> Self:
        """What a module answers while it is trained."""

    @classmethod
    def load(cls, release: Release, *, device: str = "auto") -> Self:
        """Read a verified release."""

    def answer(self, questions: Sequence[Any]) -> list[Any]:
        """One answer a question."""

    def save(self, directory: Path) -> None:
        """Write all that `load` reads."""


@dataclass(frozen=True)
class Application:
    """One application.

    Attributes:
        name: of its directory in a store.
        row: what a row of its table is.
        examples_of: rows → `Example`s.
        audited: a row → what is looked through for duplicates, and the label that must not be
            contradicted, if there is one.
        learned: a text and what a correction wants of it → an `Example`.
        corrected: the names that `wanted` may have; a labelling tool asks for the first.
        has_classes: whether settings that speak of classes have a use.
        find_task: imports what makes a task of splits and settings.
        find_model: imports its `Model`.
        card: what it says of itself on paper.
    """

    name: str
    row: type[BaseModel]
    examples_of: Callable[[Sequence[Any]], Sequence[Example]]
    audited: Callable[[Any], tuple[str, str | None]]
    learned: Callable[[str, dict[str, Any]], Example]
    corrected: tuple[str, ...]
    has_classes: bool
    find_task: Callable[[], Callable[[Splits[Any], Settings], Task[Any]]]
    find_model: Callable[[], type[Model]]
    card: Path
