"""What every server and every command line promises, held by this application."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import ROOT
from http_contract import (
    ask_what_balancers_and_browsers_ask,
    hold_scopes,
    make_keys,
    try_every_operation,
)
from privacy_contract import assert_silent, everything_logged, say_it_everywhere
from sample import Demo, Run
from server import running

from apps.customer_service.server import build_app
from common.releases.registry import Registry
from common.serving.keys.scopes import SCOPES
from common.serving.keys.writing import add_key

VERBS = (
    "validate", "train", "teach", "demo", "evaluate", "export", "ask", "serve", "keys add",
    "keys list", "keys remove", "audit-log",
    "releases list", "releases show", "releases promote", "releases rollback",
    "faqs list", "faqs show", "faqs add", "faqs edit", "faqs remove", "faqs publish", "faqs reject",
    "faqs undo", "faqs diff", "faqs history", "faqs export",
    "federate init", "federate join", "federate contribute", "federate drop", "federate aggregate",
    "federate adopt",
)  # fmt: skip


@pytest.mark.slow
def test_every_operation_keeps_to_its_description(demo: Demo) -> None:
    with running(demo.store) as address:
        seen = try_every_operation(address)
        ask_what_balancers_and_browsers_ask(address)
    assert {"/v1/answers", "/v1/retrieve", "/v1/embeddings", "/healthz"} <= seen


@pytest.mark.slow
def test_with_keys_each_does_what_it_may_and_every_operation_keeps_to_its_description(
    demo: Demo, tmp_path: Path
) -> None:
    store, file = tmp_path / "var", tmp_path / "keys.toml"
    shutil.copytree(demo.store, store, symlinks=True)
    keys = make_keys(file)
    every = add_key(file, "every", SCOPES)
    with running(store, "--api-key-file", str(file)) as address:
        hold_scopes(address, keys)
        try_every_operation(address, examples=3, key=every)


def test_nothing_that_a_customer_says_is_logged(demo: Demo, served: Callable[..., Any]) -> None:
    app = build_app(Registry(demo.store, "customer_service"), device="cpu")
    with everything_logged() as lines, served(app) as address:
        assert say_it_everywhere(address) > 20
    assert any("request" in line for line in lines)
    assert_silent(lines)


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
