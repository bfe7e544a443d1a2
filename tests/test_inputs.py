"""Every verb sees to its files before it imports anything heavy."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import ROOT

Told = dict[tuple[str, str], tuple[str, str]]
HEAVY = ("torch", "transformers", "sklearn", "faiss", "lightgbm")
# Each command in a fork of a process that has imported its application alone.
PROGRAM = """
import os, sys
from apps.{application}.cli import main
for number, command in enumerate(sys.stdin):
    if child := os.fork():
        os.waitpid(child, 0)
        continue
    for stream, name in ((sys.stdout, "out"), (sys.stderr, "err")):
        os.dup2(os.open(f"{{number}}.{{name}}", os.O_WRONLY | os.O_CREAT), stream.fileno())
    sys.argv = ["program", *command.split()]
    try:
        main()
    except SystemExit as end:
        print(end.code, *(name for name in {heavy!r} if name in sys.modules), flush=True)
    os._exit(0)
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


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """By application and command: what was said on standard output and on standard error."""
    return {
        (application, command): said
        for application in MISSING
        for command, said in _told(application, tmp_path_factory.mktemp(application))
    }


def _told(application: str, place: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    good, items = place / "good.csv", place / "items.csv"
    good.write_text("question,intent,user_id,item_id,timestamp\na,b,u,i,1\n", encoding="utf-8")
    items.write_text("item_id,title\ni,t\n", encoding="utf-8")
    words = {"good": str(good), "items": str(items)}
    commands = MISSING[application]
    lines = [" ".join(words.get(word, word) for word in command.split()) for command in commands]
    subprocess.run(
        [sys.executable, "-c", PROGRAM.format(application=application, heavy=HEAVY)],
        input="\n".join(lines),
        cwd=place,
        env=os.environ | {"PYTHONPATH": str(ROOT), "BIZLM_STORE": str(place / "var")},
        text=True,
        check=True,
    )
    for number, command in enumerate(commands):
        yield (
            command,
            ((place / f"{number}.out").read_text(), (place / f"{number}.err").read_text()),
        )


@pytest.mark.parametrize(("application", "command"), CASES)
def test_a_missing_file_is_told_before_anything_heavy_is_imported(
    application: str, command: str, told: Told
) -> None:
    out, err = told[application, command]
    assert out.split() == ["2"], err
    assert "Traceback" not in err
    assert "Error: " in err
