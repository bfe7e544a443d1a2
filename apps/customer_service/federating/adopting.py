"""The joint model with a branch's own FAQs, calibrated on its own questions, as a release."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from apps.customer_service import evaluate
from apps.customer_service.answers.answering import Answerer
from apps.customer_service.answers.building import build_answerer
from apps.customer_service.data import Dataset, check_measures
from apps.customer_service.federating.learning import seated
from apps.customer_service.federating.party import FAQS, INTENTS, party_of
from apps.customer_service.learning.drift import save_usual
from apps.customer_service.learning.lessons import lessons_of, save_lessons
from apps.customer_service.learning.promoting import promote_if_not_worse
from apps.customer_service.promise.calibrating import calibrate
from apps.customer_service.promise.evidence import Evidence
from apps.customer_service.promise.out_of_scope import far_questions
from apps.customer_service.record import manifest
from apps.customer_service.release import save_release
from apps.customer_service.reporting import rows
from apps.customer_service.train import Trained
from common.evaluation.report import Section, write_report
from common.files import read_json
from common.models.encoder import Encoder
from common.releases.registry import Registry
from common.releases.release import REPORT, write_release
from common.tuning.continual.fitting import as_tuned
from common.tuning.federated.aggregate import REPORT as AGGREGATED
from common.tuning.federated.beginning import Start
from common.tuning.federated.round import JOINT, Round
from common.tuning.finetune import Tuned
from common.tuning.settings import Settings


def adopt(
    found: Round,
    begun: Start,
    joint: Start,
    dataset: Dataset,
    registry: Registry,
    *,
    max_wrong: float = 0.05,
    promote: bool | None = None,
) -> Trained:
    """Build the branch's answers on the joint model, and promote them if the gate lets them.

    It is measured before and after the round on the branch's held-out questions; what it learned
    from is the same as when it contributed, so that nothing that calibrates was learned.

    Args:
        begun: what the round started from.
        joint: what it ended with.
        max_wrong: largest tolerated share of wrong answers among those given.
        promote: None: the gate decides; True: also where it sees too little; False: never.

    Raises:
        UserError: too few texts.
        RefusedError: the release is kept, but it is worse than the one that serves.
    """
    party_of(dataset)
    held_out = dataset.splits.test or dataset.splits.validation
    check_measures(held_out)
    pretrained, _ = _answerer(begun, dataset, found.settings)
    texts = [example.text for example in dataset.learning_everything().knowledge]
    far = far_questions(pretrained, dataset.splits.validation, texts, dataset.languages)
    before = evaluate.run(pretrained, held_out)
    if found.base:
        joint = replace(joint, source=replace(joint.source, name=found.base))
    answerer, tuned = _answerer(joint, dataset, found.settings)
    evidence = Evidence.of(evaluate.run(answerer, dataset.calibration))
    everything = dataset.learning_everything()
    if dataset.calibration:
        answerer, tuned = _answerer(joint, everything, found.settings)
    answerer, promise = calibrate(
        answerer, dataset.splits.validation, everything.in_scope, far, max_wrong, evidence
    )
    after = evaluate.run(answerer, held_out)
    figures = evaluate.summarise(before), evaluate.summarise(after)
    table = [("", "before", "after"), *((row[0], row[1], row[3]) for row in rows(*figures, {}))]

    def fill(directory: Path) -> None:
        save_release(answerer, directory)
        save_lessons(directory, lessons_of(everything, far), answerer)
        save_usual(directory, after, everything.splits.train, answerer.faqs)
        evidence.save(directory)
        title = "Customer service: a model of several branches"
        write_report(directory / REPORT, title, [Section("Before and after", table=table)])

    source = answerer.backbone.source
    recorded = manifest(everything, found.settings, source, tuned, before, after)
    recorded |= {
        "promise": promise.to_json(),
        "federated": read_json(found.directory / JOINT / AGGREGATED),
    }
    release = write_release(registry.releases, fill, recorded)
    promoted = promote is not False and promote_if_not_worse(
        registry, release, after, held_out, insisted=promote is True
    )
    difference = evaluate.difference(before, after)
    return Trained(release, *figures, difference, None, promoted)


def _answerer(
    start: Start, dataset: Dataset, settings: Settings
) -> tuple[Answerer, Tuned[Encoder]]:
    """A model of a round with the branch's own FAQs, and every intent of all."""
    own = {example.faq_id for example in dataset.knowledge}
    heads = dict(start.heads)
    at = [number for number, name in enumerate(start.classes[FAQS]) if name in own]
    heads["faqs.directions"] = heads["faqs.directions"][at]
    known = {
        FAQS: [start.classes[FAQS][number] for number in at],
        INTENTS: start.classes[INTENTS],
    }
    task, module, encoder = seated(start.source, dataset, settings, heads, known)
    built = build_answerer(task, module, encoder, dataset, "fp32")
    tuned = as_tuned(task, encoder, module, dataset.splits.validation, settings)
    return replace(built, intents=task.intents), tuned
