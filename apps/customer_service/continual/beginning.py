"""A model before it learns: a pretrained one, or a release."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from apps.customer_service import evaluate
from apps.customer_service.answers.building import build_answerer
from apps.customer_service.data import Dataset, Example, check_measures
from apps.customer_service.documents.passage import Passage
from apps.customer_service.evaluate import Outcome
from apps.customer_service.promise.out_of_scope import far_questions
from apps.customer_service.task import AnswerModel, CustomerServiceTask
from common.errors import UserError
from common.models.devices import pick_device, pick_precision
from common.models.encoder import Encoder
from common.releases.release import Release
from common.tuning.continual.forgetting import Forgetting
from common.tuning.imbalance import ClassLoss
from common.tuning.settings import Settings
from common.tuning.starting import find_backbone, load_to_learn
from common.tuning.task import LossTerm, check_monitor

FEWEST_EXAMPLES = 2


@dataclass(frozen=True)
class Parent:
    """The release that another is trained from.

    Attributes:
        old: so many of the held-out questions, the first ones, are its own.
        passages: what it quotes from.
    """

    release: Release
    old: int
    passages: Sequence[Passage] = ()

    def forgetting(self, before: Sequence[Outcome], after: Sequence[Outcome]) -> list[Forgetting]:
        """Held-out questions, asked before and after."""
        was, now = (
            [outcome.is_right if outcome.in_scope else None for outcome in outcomes]
            for outcomes in (before, after)
        )
        return [Forgetting.of("right", was, now, self.old)]


@dataclass(frozen=True)
class Beginning:
    """A model before it learns, and what it is to learn.

    Attributes:
        dataset: what is searched and measured on; old texts and new ones, where there is a parent.
        learned: what is fine-tuned on.
        before: what is made of the held-out questions before.
        far: bundled questions from anywhere but this business.
    """

    dataset: Dataset
    learned: list[Example]
    task: CustomerServiceTask
    encoder: Encoder
    module: AnswerModel
    before: list[Outcome]
    far: list[str]
    terms: Sequence[LossTerm] = ()
    parent: Parent | None = None

    @property
    def passages(self) -> Sequence[Passage]:
        """What the parent quotes from."""
        return self.parent.passages if self.parent else ()

    def is_frozen(self, settings: Settings) -> bool:
        """Whether heads alone are fitted, at once."""
        return self.parent is not None and settings.is_frozen


def task_of(dataset: Dataset, settings: Settings) -> CustomerServiceTask:
    """What is learned of a dataset."""
    task = CustomerServiceTask(dataset.knowledge, dataset.intents, ClassLoss.of(settings))
    check_monitor(task.monitors, settings.monitor)
    return task


def begin(dataset: Dataset, settings: Settings, backbone: str) -> Beginning:
    """From the pretrained model.

    Raises:
        UserError: too few texts to learn from.
    """
    check_enough(dataset)
    task = task_of(dataset, settings)
    source = find_backbone(backbone, dataset.languages)
    loaded = load_to_learn(source, settings)
    device = pick_device(settings.device)
    nn.Module.to(loaded.network, device)
    precision = pick_precision(settings.precision, device)
    module = task.build(loaded, precision).to(device)
    everything = dataset.learning_everything()
    pretrained = build_answerer(task, module, loaded, everything, precision)
    before = evaluate.run(pretrained, dataset.splits.test or dataset.splits.validation)
    texts = [example.text for example in everything.knowledge]
    far = far_questions(pretrained, dataset.splits.validation, texts, dataset.languages)
    return Beginning(dataset, dataset.splits.train, task, loaded, module, before, far)


def check_enough(dataset: Dataset) -> None:
    """See that there is something to learn, and to measure by.

    Raises:
        UserError: there is not.
    """
    dataset.audit.raise_on_errors()
    if len(dataset.splits.train) < FEWEST_EXAMPLES or not dataset.splits.validation:
        raise UserError(
            "too few texts to learn from",
            hint="Give more questions: a few of each FAQ or intent are held out for evaluation.",
        )
    if not dataset.intents and not dataset.faqs:
        raise UserError(
            "nothing to learn: there are no FAQs, and the questions have fewer than two intents",
            hint="Give --faqs FILE, or a column of intents: --map intent=COLUMN",
        )
    check_measures(dataset.splits.test or dataset.splits.validation)
