from __future__ import annotations

from pathlib import Path

import pytest

from apps.customer_service.data import Example as Question
from apps.customer_service.task import CustomerServiceTask
from apps.finance_monitor.data import Example as Story
from apps.finance_monitor.task import FinanceMonitorTask
from common.models.encoder import load_encoder
from common.models.sources.bundled import Source
from common.records.splits import Splits
from common.tuning.finetune import finetune
from common.tuning.label_names import spoken
from common.tuning.settings import Settings


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
    assert asked.named() == [Question("card arrival", None, "card_arrival")]
    told = FinanceMonitorTask([Story("x", topics=("interest_rates",))], ["interest_rates", "m&a"])
    assert told.named() == [Story("interest rates", topics=("interest_rates",))]


@pytest.mark.parametrize("label_names", [True, False])
def test_names_are_learned_where_the_settings_say_so(
    label_names: bool, tiny_model: Path, tmp_path: Path
) -> None:
    read: set[str] = set()

    class Reading(CustomerServiceTask):
        def collate(self, records: list[Question], tokenize: object) -> object:  # type: ignore[override]
            read.update(record.text for record in records)
            return super().collate(records, tokenize)  # type: ignore[arg-type]

    questions = [
        Question(f"{word} {n}", None, word) for word in ("lost_card", "refund") for n in "ab"
    ]
    settings = Settings(epochs=1, batch_size=2, label_names=label_names, tracking=None)
    encoder = load_encoder(Source("tiny", tiny_model))
    task = Reading(questions, ["lost_card", "refund"])
    finetune(task, encoder, Splits(questions, [], []), settings, work=tmp_path / "run")
    assert ({"lost card", "refund"} <= read) == label_names
    assert {question.text for question in questions} <= read
