from __future__ import annotations

import json

import numpy as np
import pytest
from sample import SAMPLES

from apps.customer_service.generation.agreement import read_beside
from apps.customer_service.generation.quantities import quantities
from apps.customer_service.generation.support import Read, open_gate

FEES = (
    "The Plus account costs £12 a month. If you pay less than £3,000 a day in, it is free; above "
    "that we charge 0.5%. Open Cards > Fees in the app. You cannot change the fee by phone. The "
    "fee is taken before the 5th working day."
)
CARDS = "补卡工本费10元，5-7个工作日寄达。挂失后不能恢复。每天最多取2万元。"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3 to 5 working days", [("3", "working day"), ("5", "working day")]),
        ("£1,000 or 1000 pounds", [("1000", "£"), ("1000", "£")]),
        (
            "每天三次，五万元，最低两毛",
            [("per", "day"), ("3", "次"), ("50000", "元"), ("0.2", "元")],
        ),
        ("工作日8:30-17:00，万分之五", [("8:30", ""), ("17:00", ""), ("0.0005", "%")]),
        ("call +44 20 7946 0140", [("442079460140", "")]),
        ("任一网点一般可以", []),
    ],
)
def test_a_quantity_is_known_however_it_is_written(
    text: str, expected: list[tuple[str, str]]
) -> None:
    assert [(one.value, one.unit) for one in quantities(text)] == expected


@pytest.mark.parametrize(
    ("sentence", "source"),
    [
        ("The Plus account costs £12 a month.", FEES),
        ("Please note: the Plus account costs you £12 a month.", FEES),
        ("The fee cannot be changed by phone.", FEES),
        ("补卡工本费十元，5到7个工作日寄达。", CARDS),
        ("每天最多取20000元。", CARDS),
    ],
)
def test_what_the_source_says_passes(sentence: str, source: str) -> None:
    assert read_beside(sentence, source).refusal is None


@pytest.mark.parametrize(
    ("sentence", "source", "why"),
    [
        ("The Plus account costs £15 a month.", FEES, "name 15 £"),
        ("The Plus account costs €12 a month.", FEES, "name 12 €"),
        ("The Plus account costs £12 a year.", FEES, "name per year"),
        ("The Gold account costs £12 a month.", FEES, "name 'Gold'"),
        ("You can change the fee by phone.", FEES, "denied in the source"),
        ("Open Cards > Limits in the app.", FEES, "has no"),
        ("The fee is taken after the 5th working day.", FEES, "after: not in the source"),
        ("The Plus account costs £12 a month in full.", FEES, "'full'"),
        ("It is free.", FEES, "conditional: left out"),
        ("The Plus account costs £12 a month with insurance.", FEES, "'insur'"),
        ("See https://evil.example for the fee.", FEES, "name 'https://evil.example"),
        ("补卡工本费20元。", CARDS, "name 20 元"),
        ("挂失后可以恢复。", CARDS, "denied in the source"),
        ("每天至少取2万元。", CARDS, "does not say '至少'"),
    ],
)
def test_what_it_does_not_say_is_refused_with_the_reason(
    sentence: str, source: str, why: str
) -> None:
    assert why in str(read_beside(sentence, source).refusal)


def test_of_the_development_pairs_no_near_miss_passes_and_most_that_is_good() -> None:
    lines = (SAMPLES / "entailment.jsonl").read_text(encoding="utf-8").splitlines()
    pairs = [one for one in map(json.loads, lines) if one["split"] == "development"]
    passed = np.array([read_beside(p["sentence"], p["source"]).refusal is None for p in pairs])
    entailed = np.array([one["entailed"] for one in pairs])
    assert not passed[~entailed].any()
    assert passed[entailed].mean() >= 0.55


def test_a_sentence_that_nothing_in_the_source_is_near_to_is_held_back(read: Read) -> None:
    gate = open_gate(read, read(["something else", "还有别的"]))
    assert gate.judge("The Plus account costs £12 a month.", FEES).is_sent
    assert not gate.judge("Please call us.", FEES).is_sent
