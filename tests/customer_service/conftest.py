from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from command_line import run_apart, run_here
from once import made_once
from sample import SAMPLES, Demo, Run, read_examples

if TYPE_CHECKING:
    from selenium.webdriver.remote.webdriver import WebDriver

APPLICATION = "customer_service"
FAQS_USED, FEW_FAQS = 12, 4
# So many questions that no FAQ answers go with each FAQ.
UNANSWERED = 11


@pytest.fixture(scope="session")
def run() -> Run:
    """Run a verb of customer service."""
    return partial(run_here, APPLICATION)


@pytest.fixture(scope="session")
def run_afresh() -> Run:
    """Run a verb of customer service in a process of its own."""
    return partial(run_apart, APPLICATION)


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[WebDriver]:
    """A browser that has been nowhere yet."""
    from browser import browser

    with browser(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, run: Run) -> Iterator[Demo]:
    """A release of the first English sample FAQs, its encoder frozen: quick, and good enough."""
    with made_once(tmp_path_factory, "customer-service", partial(_make, run)) as folder:
        yield Demo.within(folder)


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The files of fewer FAQs, without a release: for what holds whatever was learned."""
    made = Demo.within(tmp_path_factory.mktemp("few"))
    _write_files(made, FEW_FAQS)
    return made


def _make(run: Run, folder: Path) -> None:
    made = Demo.within(folder)
    _write_files(made, FAQS_USED)
    done = run(
        "train", "--faqs", made.faqs, "--questions", made.questions, "--test", made.test,
        "--set", "strategy=head", "--set", "epochs=2", "--max-wrong", 0.2, "--store", made.store,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    read_examples(made)


def _write_files(made: Demo, count: int) -> None:
    """The first sample FAQs, and the questions about them."""
    lines = (SAMPLES / "faqs.en.jsonl").read_text(encoding="utf-8").splitlines()[:count]
    made.faqs.write_text("\n".join(lines) + "\n", encoding="utf-8")
    ids = {line.split('"id": "')[1].split('"')[0] for line in lines}
    for source, target in (("questions", made.questions), ("test", made.test)):
        with (SAMPLES / f"{source}.en.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        unanswered = [row for row in rows if not row["faq_id"]][: UNANSWERED * count]
        with target.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ["question", "faq_id", "intent", "language"])
            writer.writeheader()
            writer.writerows(row for row in rows if row["faq_id"] in ids or row in unanswered)
