"""Every verb sees to its files before it imports anything heavy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import ROOT

HEAVY = ("torch", "transformers", "sklearn", "faiss", "lightgbm")
PROGRAM = """
import sys
from apps.{application}.cli import main
sys.argv = ["program", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    print(end.code, *(name for name in {heavy!r} if name in sys.modules))
"""
# Each with one file that is not there; the words `good` and `items` become files that are.
MISSING = {
    "customer_service": (
        "validate --faqs none.csv",
        "train --faqs none.csv",
        "train --questions good --validation none.csv",
        "train --questions good --test none.csv",
        "train --questions good --config none.toml",
        "train --questions good --backbone none/none/none",
        "train --questions good --map question=nothing",
        "tune --questions none.csv",
        "tune --questions good --search epochs=1",
        "evaluate --questions none.csv",
        "export --questions none.csv --out out",
        "serve --api-key-file none.keys",
        "ask hello",
        "import none.html out",
    ),
    "finance_monitor": (
        "validate --news none.csv",
        "train --news none.csv",
        "train --news good --test none.csv --map text=question",
        "train --news good --config none.toml",
        "tune --news none.csv",
        "tune --news good --search lerning_rate=1e-5..1e-4",
        "evaluate --news none.csv",
        "export --news none.csv --out out",
        "score none.jsonl -o out",
        "score good -o out --entities none.csv",
        "backtest none.jsonl",
        "backtest good --events none.jsonl",
        "backtest good --entities none.csv",
        "watch feed.jsonl --entities none.csv",
        "serve --feed feed.jsonl --entities none.csv",
        "serve --feed feed.jsonl",
    ),
    "recommender": (
        "validate --interactions none.csv --items items",
        "train --interactions good --items none.csv",
        "train --interactions good --items items --users none.csv",
        "train --interactions good --items items --rules none.toml",
        "train --interactions good --items items --config none.toml",
        "tune --interactions good --items none.csv",
        "evaluate --interactions none.csv --items items",
        "score --interactions good --items items --candidates none.csv --out out",
        "recommend u --interactions none.csv --items items",
        "serve --interactions none.csv --items items",
        "embed --items none.csv -o out",
        "export --items none.csv --out out",
        "audit --interactions none.csv --items items",
        "import movielens none out",
    ),
}
CASES = [(name, command) for name, commands in MISSING.items() for command in commands]


@pytest.mark.parametrize(("application", "command"), CASES)
def test_a_missing_file_is_told_before_anything_heavy_is_imported(
    application: str, command: str, tmp_path: Path
) -> None:
    good, items = tmp_path / "good.csv", tmp_path / "items.csv"
    good.write_text("question,intent,user_id,item_id,timestamp\na,b,u,i,1\n", encoding="utf-8")
    items.write_text("item_id,title\ni,t\n", encoding="utf-8")
    words = {"good": str(good), "items": str(items)}
    arguments = [words.get(word, word) for word in command.split()]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(application=application, heavy=HEAVY), *arguments],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "BIZLM_STORE": str(tmp_path / "var")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["2"], done.stderr
    assert "Traceback" not in done.stderr
    assert "Error: " in done.stderr
