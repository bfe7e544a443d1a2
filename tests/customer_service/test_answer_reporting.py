"""What a run shows: whatever the names of FAQs hold."""

from __future__ import annotations

import io

import numpy as np
from rich.console import Console

from apps.customer_service.answers.retrieval import Candidate
from apps.customer_service.data import Example
from apps.customer_service.evaluate import Outcome
from apps.customer_service.reporting import mistakes_table


def test_brackets_in_ids_are_no_markup() -> None:
    found = Candidate("card[red]", 0.5, 0.5, 0.5, 0.5, 0.5)
    outcome = Outcome(Example("x", "[/fee]", None), [found], {}, np.zeros(1), 0.9, "answer")
    shown = io.StringIO()
    Console(file=shown, width=80).print(mistakes_table([outcome]))
    assert "[/fee]" in shown.getvalue()
    assert "card[red]" in shown.getvalue()
