"""A second round that learns unlabelled texts as well, under the labels the first is sure of.

Self-training (Lee 2013), behind a gate on the calibrated probability, with no label given to more
texts than have it already, so that none floods (class-balanced: Zou et al. 2018, arXiv 1810.07911).
The second round starts from the pretrained model again; the validation records choose between
the two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from common.console import say
from common.errors import UserError
from common.evaluation.calibration import fit_temperature
from common.finite import require_finite
from common.models.loading import Pretrained
from common.records.splits import Splits
from common.records.text import fold
from common.tuning.finetune import Tuned, finetune
from common.tuning.processes import is_main_process
from common.tuning.settings import Settings
from common.tuning.task import Predict, Task

R = TypeVar("R")
P = TypeVar("P", bound=Pretrained[Any])
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Facet(Generic[R]):
    """One label that a text may be given.

    Attributes:
        output: the module's logits for it, [texts, labels].
        labels: in the order of the logits.
        number: of a record's own label; negative where it is not known.
        give: a record with the label of this number.
    """

    output: str
    labels: Sequence[str]
    number: Callable[[R], int]
    give: Callable[[R, int], R]


@dataclass(frozen=True)
class PseudoLabels:
    """What came of it: `joined` counts the texts of each label; `figure` is the monitor's."""

    unlabelled: int
    joined: dict[str, int]
    confidence: float
    figure: str
    first: float
    second: float | None
    kept: bool

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the manifest."""
        return asdict(self)

    @property
    def text(self) -> str:
        """A sentence for the terminal."""
        count = sum(self.joined.values())
        if self.second is None:
            return (
                f"Of {self.unlabelled:,} unlabelled texts none is {self.confidence:.0%} sure: "
                "no second round."
            )
        labels = ", ".join(f"{name} {many}" for name, many in self.joined.items())
        end = "The second round is kept" if self.kept else "The first round is kept"
        return (
            f"{end}: with {count:,} of {self.unlabelled:,} unlabelled texts ({labels}) "
            f"{self.figure.replace('_', ' ')} on the validation records "
            f"{self.first:.3f} → {self.second:.3f}."
        )


def confident(
    probabilities: Floats, confidence: float, most: Sequence[int]
) -> list[tuple[int, int]]:
    """Texts and the numbers of their labels, where that is probable enough, the surest first.

    Args:
        probabilities: [texts, labels], calibrated.
        most: how many texts each label may be given.
    """
    require_finite("pseudo-labels", probabilities=probabilities)
    best, sure = probabilities.argmax(1), probabilities.max(1)
    given: Counter[int] = Counter()
    found = []
    for row in np.argsort(-sure, kind="stable").tolist():
        number = int(best[row])
        if sure[row] < confidence:
            break
        if given[number] < most[number]:
            given[number] += 1
            found.append((row, number))
    return found


def second_round(
    task: Task[R],
    first: Tuned[P],
    splits: Splits[R],
    unlabelled: Sequence[R],
    facet: Facet[R] | None,
    settings: Settings,
    *,
    load: Callable[[], P],
    work: Path,
    resume: bool = False,
) -> tuple[Tuned[P], PseudoLabels | None]:
    """Fine-tune again with the unlabelled texts whose label is sure; the better round.

    Args:
        facet: None: there is nothing unlabelled, and the first round is all.
        unlabelled: records without a label; those that stand in `splits` are left out.
        load: loads the pretrained model anew.
        work: of the second round.

    Raises:
        UserError: no unlabelled text is new, or the validation records have no such label.
    """
    if facet is None:
        return first, None
    records = new_records(task, splits, unlabelled)
    if not records:
        raise UserError("--unlabelled: every text there is labelled already, or blank")
    probabilities = _calibrated(task, first.predict, splits.validation, records, facet)
    counts = Counter(facet.number(one) for one in splits.train)
    most = [counts[number] for number in range(len(facet.labels))]
    chosen = confident(probabilities, settings.pseudo_label_confidence, most)
    joined = Counter(facet.labels[number] for _, number in chosen)
    figure = first.monitor.name
    report = PseudoLabels(
        unlabelled=len(records),
        joined=dict(joined.most_common()),
        confidence=settings.pseudo_label_confidence,
        figure=figure,
        first=first.after[figure],
        second=None,
        kept=False,
    )
    if not chosen:
        _say(report.text)
        return first, report
    _say(f"A second round, with {len(chosen):,} of {len(records):,} unlabelled texts")
    more = [facet.give(records[row], number) for row, number in chosen]
    again = replace(splits, train=[*splits.train, *more])
    second = finetune(task, load(), again, settings, work=work, resume=resume)
    second = replace(second, before=first.before, seconds=first.seconds + second.seconds)
    gain = second.after[figure] - first.after[figure]
    kept = gain > 0 if first.monitor.higher_is_better else gain < 0
    report = replace(report, second=second.after[figure], kept=kept)
    _say(report.text)
    return (second if kept else replace(first, seconds=second.seconds)), report


def new_records(task: Task[R], splits: Splits[R], unlabelled: Sequence[R]) -> list[R]:
    """Those of `unlabelled` that stand nowhere in `splits`, each text once, and no blank ones."""
    known = {
        fold(str(task.input(one))) for one in (*splits.train, *splits.validation, *splits.test)
    }
    fresh = {fold(str(task.input(one))): one for one in unlabelled}
    return [one for key, one in fresh.items() if key and key not in known]


def _say(text: str) -> None:
    if is_main_process():
        say(text)


def _calibrated(
    task: Task[R],
    predict: Predict,
    validation: Sequence[R],
    unlabelled: Sequence[R],
    facet: Facet[R],
) -> Floats:
    """[unlabelled, labels], probabilities at the temperature that suits the validation records."""
    from scipy.special import softmax

    numbers = np.array([facet.number(one) for one in validation])
    known = np.flatnonzero(numbers >= 0).tolist()
    if not known:
        raise UserError("--unlabelled: no validation record says how sure the model may be")
    held = predict([task.input(validation[row]) for row in known])[facet.output].double().numpy()
    temperature = fit_temperature(held, numbers[known])
    logits = predict([task.input(one) for one in unlabelled])[facet.output].double().numpy()
    found: Floats = softmax(logits / temperature, axis=1)
    return found
