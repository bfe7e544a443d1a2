"""What one branch learns from its own texts, on the heads that all branches share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from apps.customer_service.data import Dataset, Example, Sources
from apps.customer_service.privacy.records import separate
from apps.customer_service.task import AnswerModel, CustomerServiceTask
from common.errors import UserError
from common.models.adapting.known import Known
from common.models.devices import pick_device, pick_precision
from common.models.encoder import Encoder, load_encoder
from common.models.heads import SCALE
from common.models.sources.bundled import Source
from common.records.splits import Splits
from common.tuning.federated.contributing import Learned
from common.tuning.federated.round import Classes, Round
from common.tuning.federated.update import hold_rows, learning, prepare, seat, update_of
from common.tuning.finetune import finetune
from common.tuning.imbalance import ClassLoss
from common.tuning.settings import Settings

FAQS, INTENTS = "faqs", "intents"


@dataclass(frozen=True)
class Party:
    """A branch's texts.

    Attributes:
        dataset: what it knows; of a private branch, what is no secret.
        learned: what it learns from.
        held_out: what chooses the best epoch.
    """

    dataset: Dataset
    learned: Sequence[Example]
    held_out: Sequence[Example]

    @property
    def classes(self) -> dict[str, list[str]]:
        """The labels that it has texts of."""
        faqs = {example.faq_id for example in self.dataset.knowledge if example.faq_id}
        return {FAQS: sorted(faqs), INTENTS: self.dataset.intents}


def party_of(dataset: Dataset) -> Party:
    """A branch whose questions may be read by whoever trains there; some calibrate later.

    Raises:
        UserError: too few texts to learn from.
    """
    dataset.audit.raise_on_errors()
    party = Party(dataset, dataset.splits.train, dataset.not_learned)
    if not any(party.classes.values()) or not party.held_out:
        raise UserError(
            "too few texts to learn from",
            hint="Give FAQs, or questions of at least two intents; some are held out.",
        )
    return party


def private_party(
    dataset: Dataset, public: Sequence[Path], sources: Sources, settings: Settings
) -> Party:
    """A branch whose questions are a secret even there: labels and starts are of public texts.

    Raises:
        UserError: there are no secret questions, or no public ones.
    """
    dataset.audit.raise_on_errors()
    records = separate(dataset, public, sources, seed=settings.seed)
    learned = [*records.known.splits.train, *records.secret]
    return Party(records.known, learned, records.known.splits.validation)


def untrained_heads(width: int) -> dict[str, Tensor]:
    """The heads of a pretrained model that knows no label yet; as `AnswerModel` names them."""
    return {
        "projection.weight": torch.eye(width),
        "faqs.directions": torch.zeros(0, width),
        "faqs.log_scale": torch.tensor(SCALE).log(),
        "intents.directions": torch.zeros(0, width),
        "intents.log_scale": torch.tensor(SCALE).log(),
    }


def seated(
    source: Source,
    dataset: Dataset,
    settings: Settings,
    heads: dict[str, Tensor],
    known: Classes,
) -> tuple[CustomerServiceTask, AnswerModel, Encoder]:
    """A model with the shared heads; rows of labels that nobody knows start from class means."""
    task = CustomerServiceTask(
        dataset.knowledge,
        sorted({*dataset.intents, *known.get(INTENTS, ())}),
        ClassLoss.of(settings),
        further=known.get(FAQS, ()),
    )
    read_once = Known() if settings.keeps_encoder else None
    encoder = load_encoder(source, dropout=settings.dropout, projected=False, known=read_once)
    device = pick_device(settings.device)
    nn.Module.to(encoder.network, device)
    module = task.build(encoder, pick_precision(settings.precision, device)).to(device)
    seat(module, heads, known, local_of(task))
    return task, module, encoder


def local_of(task: CustomerServiceTask) -> dict[str, list[str]]:
    """Head → the labels of its rows, in their order."""
    return {FAQS: task.faq_ids, INTENTS: task.intents}


def learn(
    found: Round, party: Party, settings: Settings, heads: dict[str, Tensor], work: Path
) -> Learned:
    """Train on the party's texts, from where the round starts.

    Args:
        settings: the round's, on the party's device.
    """
    task, module, encoder = seated(found.source, party.dataset, settings, heads, found.classes)
    prepare(module, settings, found.seed)
    local, own = local_of(task), party.classes
    hold_rows(module, local, own)
    before = {name: one.detach().cpu().clone() for name, one in module.named_parameters()}
    splits = Splits([*party.learned], [*party.held_out], [])
    resume = not settings.is_private
    tuned = finetune(task, encoder, splits, settings, work=work, resume=resume, module=module)
    after = learning(tuned.module)
    update = update_of(before, after, local=local, own=own, clipping=found.clipping)
    return update, tuned.privacy.to_json() if tuned.privacy else None
