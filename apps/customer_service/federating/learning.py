"""What one branch learns from its own texts, on the heads that all branches share."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from apps.customer_service.data import Dataset
from apps.customer_service.federating.party import FAQS, INTENTS, Party
from apps.customer_service.task import AnswerModel, CustomerServiceTask
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
