from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from once import made_once
from sample import SAMPLES, Demo, Run, read_examples

FAQS = {
    "en": (
        *("en-card-lost", "en-card-found", "en-pin-change", "en-transfer-send", "en-intl-send"),
        *("en-fee-abroad", "en-complaint", "en-cc-pay", "en-loan-early", "en-statement"),
    ),
    "zh": (
        *("zh-card-lost", "zh-card-found", "zh-transfer-how", "zh-remit-out", "zh-fee-transfer"),
        *("zh-close-card", "zh-close-cc", "zh-complaint", "zh-statement", "zh-atm-swallow"),
    ),
}


@pytest.fixture(scope="module")
def bilingual(tmp_path_factory: pytest.TempPathFactory, run: Run) -> Iterator[Demo]:
    """A release of ten sample FAQs in each language, its encoder frozen."""
    with made_once(tmp_path_factory, "conversations", partial(_make, run)) as folder:
        yield Demo.within(folder)


def _make(run: Run, folder: Path) -> None:
    made = Demo.within(folder)
    chosen = {"", *(faq_id for ids in FAQS.values() for faq_id in ids)}
    with (
        made.faqs.open("w", encoding="utf-8") as faqs,
        made.questions.open("w", encoding="utf-8", newline="") as questions,
    ):
        writer = csv.DictWriter(questions, ["question", "faq_id", "intent", "language"])
        writer.writeheader()
        for language in FAQS:
            lines = (SAMPLES / f"faqs.{language}.jsonl").read_text(encoding="utf-8").splitlines()
            faqs.writelines(f"{line}\n" for line in lines if json.loads(line)["id"] in chosen)
            with (SAMPLES / f"questions.{language}.csv").open(encoding="utf-8", newline="") as file:
                writer.writerows(row for row in csv.DictReader(file) if row["faq_id"] in chosen)
    done = run(
        "train", "--faqs", made.faqs, "--questions", made.questions, "--backbone", "e5-small",
        "--set", "strategy=head", "--set", "epochs=3", "--max-wrong", 0.2, "--store", made.store,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    read_examples(made)
