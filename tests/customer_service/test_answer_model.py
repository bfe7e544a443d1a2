from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch

from apps.customer_service.data import Example
from apps.customer_service.task import CustomerServiceTask
from common.models.encoder import Encoder, load_encoder
from common.models.prediction import predict
from common.models.sources.bundled import Source
from common.tuning.imbalance import ClassLoss

EXAMPLES = [
    Example("where is my card", "a", "card"),
    Example("my card is lost", "a", "card"),
    Example("no card yet", "a", "card"),
    Example("pay a bill", "b", "pay"),
]


@pytest.fixture
def backbone(tiny_model: Path) -> Encoder:
    return load_encoder(Source("tiny", tiny_model, "", ""))


def test_faqs_and_intents_make_up_for_their_sizes(backbone: Encoder) -> None:
    task = CustomerServiceTask(EXAMPLES, ["card", "pay"], ClassLoss(weights="balanced"))
    module = task.build(backbone)
    for loss in (module.faq_loss, module.intent_loss):
        assert loss.weights is not None
        assert loss.weights.tolist() == pytest.approx([2 / 3, 2])
    batch = task.collate(EXAMPLES, backbone.tokenize)
    plain = CustomerServiceTask(EXAMPLES, ["card", "pay"]).build(backbone).eval()
    assert not torch.allclose(module.eval()(**batch)["loss"], plain(**batch)["loss"])


def test_every_figure_may_be_watched(backbone: Encoder) -> None:
    task = CustomerServiceTask(EXAMPLES, ["card", "pay"])
    run = partial(predict, task.build(backbone), backbone)
    assert {*task.measure(run, EXAMPLES)} == {metric.name for metric in task.monitors}
