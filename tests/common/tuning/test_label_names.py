from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from apps.customer_service.data import Example as Question
from apps.customer_service.options_cli import DEFAULTS as OF_ANSWERS
from apps.customer_service.task import CustomerServiceTask
from apps.finance_monitor.data import Example as Story
from apps.finance_monitor.options_cli import DEFAULTS as OF_NEWS
from apps.finance_monitor.task import FinanceMonitorTask
from common.errors import UserError
from common.models.encoder import load_encoder
from common.models.sources.bundled import Source
from common.records.splits import Splits
from common.tuning.configuration import read_settings
from common.tuning.distillation.teaching import finetune_taught
from common.tuning.finetune import finetune
from common.tuning.label_names import FEW_TEXTS, Choice, named_records, spoken
from common.tuning.settings import Settings
from common.tuning.task import Batch, Tokenize


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("card_arrival", "card arrival"),
        ("cardArrival", "card arrival"),
        ("Refund/not showing up", "refund not showing up"),
        ("ATM", None),
        ("宏观", "宏观"),
        ("退款-到账", "退款 到账"),
        ("C3", None),
        ("intent_12", None),
        ("cat", None),
        ("税", None),
        ("label_b", None),
        ("Class IV", None),
        ("其他", None),
        ("类别甲", None),
        ("qx_zzrt", None),
        ("topic_shift", "topic shift"),
        ("类别错误", "类别错误"),
        ("доставка", "доставка"),
    ],
)
def test_a_name_is_spoken_where_it_is_words(name: str, words: str | None) -> None:
    assert spoken(name) == words


def test_both_applications_name_their_labels() -> None:
    questions = [
        Question("where is it", None, "card_arrival"),
        Question("hm", None, "out_of_scope"),
    ]
    asked = CustomerServiceTask(questions, ["card_arrival", "out_of_scope", "c3"])
    assert asked.named() == {"card_arrival": Question("card arrival", None, "card_arrival")}
    told = FinanceMonitorTask([Story("x", topics=("interest_rates",))], ["interest_rates", "m&a"])
    assert told.named() == {"interest_rates": Story("interest rates", topics=("interest_rates",))}


class Reading(CustomerServiceTask):
    """Keeps what it was asked to collate."""

    def __init__(self, questions: list[Question], intents: list[str]) -> None:
        super().__init__(questions, intents)
        self.read: set[str] = set()

    def collate(self, records: Sequence[Question], tokenize: Tokenize) -> Batch:
        self.read.update(record.text for record in records)
        return super().collate(records, tokenize)


FEW = [Question(f"{word} {n}", None, word) for word in ("lost_card", "refund") for n in "ab"]
MANY = [Question(f"where is it {n}", None, "card_arrival") for n in range(FEW_TEXTS + 1)]
NAMES = {"lost_card": "lost card", "refund": "refund", "card_arrival": "card arrival"}


@pytest.mark.parametrize(
    ("label_names", "learned"),
    [
        (True, {"lost card", "refund", "card arrival"}),
        ("auto", {"lost card", "refund"}),
        (False, set()),
    ],
)
def test_names_are_learned_where_the_settings_say_so(
    label_names: Choice, learned: set[str], tiny_model: Path, tmp_path: Path
) -> None:
    settings = Settings(epochs=1, batch_size=2, label_names=label_names, tracking=None)
    encoder = load_encoder(Source("tiny", tiny_model))
    task = Reading([*FEW, *MANY], [*NAMES])
    tuned = finetune(task, encoder, Splits([*FEW, *MANY], [], []), settings, work=tmp_path / "run")
    assert task.read == {question.text for question in [*FEW, *MANY]} | learned
    assert tuned.names_learned == len(learned)


def test_a_label_without_texts_is_not_learned_by_its_name_alone() -> None:
    task = CustomerServiceTask(FEW, [*NAMES])
    assert [one.text for one in named_records(task, FEW, "auto")] == ["lost card", "refund"]


def test_a_teacher_tells_of_the_names_as_well(tiny_model: Path, tmp_path: Path) -> None:
    told: list[str] = []

    def teach(texts: Sequence[str]) -> dict[str, torch.Tensor]:
        told.extend(texts)
        return {"intent_logits": torch.zeros(len(texts), 2)}

    task = Reading(FEW, ["lost_card", "refund"])
    settings = Settings(epochs=1, batch_size=2, label_names="auto", tracking=None)
    encoder = load_encoder(Source("tiny", tiny_model))
    splits = Splits(FEW, [], [])
    tuned = finetune_taught(task, encoder, splits, settings, teach, work=tmp_path / "run")
    assert {"lost card", "refund"} <= task.read
    assert task.read == {*told}
    assert tuned.names_learned == 2


@pytest.mark.parametrize("defaults", [OF_ANSWERS, OF_NEWS])
def test_applications_learn_the_names_of_labels_with_few_texts(defaults: dict[str, Any]) -> None:
    assert read_settings(defaults=defaults).label_names == "auto"
    assert read_settings(None, ["label_names=false"], defaults=defaults).label_names is False
    assert read_settings(None, ["label_names=true"], defaults=defaults).label_names is True


def test_a_private_run_learns_no_names() -> None:
    private = ["privacy_epsilon=8"]
    assert read_settings(None, private, defaults=OF_NEWS).label_names is False
    with pytest.raises(UserError, match="label_names"):
        read_settings(None, [*private, "label_names=auto"], defaults=OF_NEWS)
