"""What every server and every command line promises, held by this application."""

from __future__ import annotations

import subprocess
import sys

import pytest
from command_line import ROOT
from http_contract import try_every_operation
from sample import Demo, Run
from server import running

VERBS = (
    "validate", "train", "demo", "evaluate", "export", "ask", "serve", "keys add",
    "releases list", "releases show", "releases promote", "releases rollback",
)  # fmt: skip


def test_every_operation_keeps_to_its_description(demo: Demo) -> None:
    with running(demo.store) as address:
        seen = try_every_operation(address)
    assert {"/v1/answers", "/v1/retrieve", "/v1/embeddings", "/healthz"} <= seen


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, run: Run) -> None:
    done = run(*verb.split(), "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_help_loads_nothing_heavy() -> None:
    heavy = {"torch", "transformers", "numpy", "faiss", "fastapi", "matplotlib", "onnxruntime"}
    code = f"import sys, apps.customer_service.cli; print({heavy} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "set()"
