"""A release of customer service is learned from by another."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from sample import Demo, Run

from apps.customer_service.release import load_release
from apps.customer_service.task import CustomerServiceTask
from apps.customer_service.teaching.teacher import teacher_of
from common.errors import UserError
from common.releases.registry import Registry
from common.tuning.settings import Settings

# A machine with bf16 would round.
SETTINGS = Settings(device="cpu", precision="fp32")


@pytest.mark.slow
def test_a_release_is_learned_from_another(
    demo: Demo, tiny_model: Path, run: Run, tmp_path: Path
) -> None:
    store = shutil.copytree(demo.store, tmp_path / "var", symlinks=True)
    registry = Registry(store, "customer_service")
    teacher = registry.current_id()
    done = run(
        "train", "--faqs", demo.faqs, "--questions", demo.questions, "--test", demo.test,
        "--backbone", tiny_model, "--teacher", teacher, "--set", "strategy=head",
        "--set", "epochs=1", "--max-wrong", 0.2, "--no-promote", "--store", store, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "The teacher reads" in done.stderr
    made = registry.open(json.loads(done.stdout)["release_id"])
    assert made.manifest["teacher"] == teacher


def test_its_logits_are_those_of_the_release_in_the_order_of_the_task(demo: Demo) -> None:
    registry = Registry(demo.store, "customer_service")
    answerer = load_release(registry.open())
    task = CustomerServiceTask([], answerer.intents[::-1])
    with pytest.raises(UserError, match=r"its FAQs are not those .* it has besides"):
        teacher_of(registry, registry.current_id(), task, SETTINGS)
    task._faq_number = {name: n for n, name in enumerate(answerer.prototype_ids[::-1])}
    teach = teacher_of(registry, registry.current_id(), task, SETTINGS)
    assert teach is not None
    found = teach(["my card is gone"])
    with torch.no_grad():
        own = answerer.module(**answerer.backbone.tokenize(["my card is gone"]))
    torch.testing.assert_close(found["faq_logits"], own["faq_logits"].flip(-1))
    torch.testing.assert_close(found["intent_logits"], own["intent_logits"].flip(-1))
