from __future__ import annotations

from pathlib import Path

import pytest
from branches import HAS, SECRET, WORDS, Federation
from sample import Run

from common.records.writing import write_table


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory, run: Run, tiny_model: Path) -> Federation:
    root = tmp_path_factory.mktemp("federation")
    for number, (branch, intents) in enumerate(HAS.items()):
        said = ("", ("hello ", "please ", "now ")[number])
        rows = [
            {"question": f"{start}{SECRET} {text}", "intent": intent}
            for intent in intents
            for text in WORDS[intent]
            for start in said
        ]
        write_table(root / f"{branch}.csv", rows)
    return Federation(root, run, tiny_model)
