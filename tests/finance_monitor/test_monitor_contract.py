"""What every server and every command line promises, held by this application."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import ROOT, run_here
from http_contract import (
    ask_what_balancers_and_browsers_ask,
    hold_scopes,
    make_keys,
    try_every_operation,
)
from monitor_serving import copy_release, serving
from privacy_contract import assert_silent, say_it_everywhere

from common.serving.keys.scopes import SCOPES
from common.serving.keys.writing import add_key

# A stream that ends with the server.
ENDLESS = "/v1/events"
VERBS = (
    "validate", "train", "evaluate", "export", "score", "watch", "demo", "backtest", "serve",
    "releases list", "releases promote", "alerts list", "alerts ack", "alerts silence",
    "alerts resolve", "keys add", "keys list", "keys remove", "audit-log", "sources check",
)  # fmt: skip


@pytest.mark.slow
def test_every_operation_keeps_to_its_description(release: Path, tmp_path: Path) -> None:
    log: list[str] = []
    with serving(copy_release(release, tmp_path / "var"), log=log) as address:
        seen = try_every_operation(address, endless=[ENDLESS])
        ask_what_balancers_and_browsers_ask(address)
        assert say_it_everywhere(address, endless=(ENDLESS,)) > 20
    assert any("request" in line for line in log)
    assert_silent(log)
    assert {"/v1/trends", "/v1/alerts", "/v1/score", "/v1/records", "/healthz"} <= seen


@pytest.mark.slow
def test_with_keys_each_does_what_it_may_and_every_operation_keeps_to_its_description(
    release: Path, tmp_path: Path
) -> None:
    file = tmp_path / "keys.toml"
    keys = make_keys(file)
    every = add_key(file, "every", SCOPES)
    with serving(copy_release(release, tmp_path / "var"), "--api-key-file", str(file)) as address:
        hold_scopes(address, keys, endless=[ENDLESS])
        try_every_operation(address, examples=3, endless=[ENDLESS], key=every)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str) -> None:
    done = run_here("finance_monitor", *verb.split(), "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_help_loads_nothing_heavy() -> None:
    heavy = {
        "torch",
        "transformers",
        "numpy",
        "faiss",
        "fastapi",
        "matplotlib",
        "redis",
        "confluent_kafka",
    }
    code = f"import sys, apps.finance_monitor.cli; print({heavy} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    "arguments",
    [
        ["validate", "--news", "nothing.csv"],
        ["evaluate", "--news", "nothing.csv"],
        ["score", "nothing.jsonl", "-o", "scored.jsonl"],
        ["watch", "nothing.jsonl", "--once"],
        ["backtest", "nothing.jsonl"],
        ["watch", "feed.jsonl", "--entities", "nothing.csv"],
        ["watch", "redis://127.0.0.1:1/news"],
        ["watch", "kafka://127.0.0.1:1/news"],
        ["serve", "--scored"],
    ],
    ids=" ".join,
)
def test_what_is_not_there_is_named(release: Path, tmp_path: Path, arguments: list[str]) -> None:
    done = run_here("finance_monitor", *arguments, "--store", release)
    assert done.returncode == 2
    assert "nothing" in done.stderr or "127.0.0.1:1" in done.stderr or "--feed" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_store_without_a_release_or_a_watch_says_what_to_do(tmp_path: Path) -> None:
    for arguments in (["watch", "feed.jsonl"], ["serve"], ["alerts", "list"]):
        done = run_here("finance_monitor", *arguments, "--store", tmp_path)
        assert done.returncode == 2
        assert "train" in done.stderr or "watch" in done.stderr


def test_broken_rows_are_counted_and_kept_beside_the_output(release: Path, tmp_path: Path) -> None:
    feed = tmp_path / "feed.jsonl"
    good = {"id": "a", "published_at": "2026-03-02T09:00:00Z", "text": "Alba rallies"}
    feed.write_text(json.dumps(good) + "\nno json\n", encoding="utf-8")
    output = tmp_path / "scored.jsonl"
    done = run_here("finance_monitor", "score", feed, "-o", output, "--store", release, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["scored"], told["rejected"]) == (1, 1)
    assert json.loads(output.read_text())["sentiment"]["label"] == "positive"
    assert "no json" in (tmp_path / "scored.rejected.jsonl").read_text()
