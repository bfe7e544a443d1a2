"""docs/your-own-application.md does what it says: its commands are run, one after the other."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from processes import ROOT, Process, run

PAGE = ROOT / "docs" / "your-own-application.md"
# As typed in a directory of the user's own.
ELSEWHERE = """
import os, runpy, sys
os.chdir(sys.argv[1])
sys.path.insert(0, sys.argv[1])
del sys.argv[:2]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def commands(page: Path = PAGE) -> list[list[str]]:
    blocks = re.findall(r"^```\n(.*?)^```", page.read_text(encoding="utf-8"), re.S | re.M)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


@contextmanager
def served(directory: Path, arguments: list[str]) -> Iterator[str]:
    port = arguments.index("--port") + 1
    command = [*arguments[:port], "0", *arguments[port + 1 :]]
    process = Process("-c", ELSEWHERE, directory, *command, stderr=subprocess.PIPE)
    assert process.stderr
    try:
        yield next(line.split()[1] for line in process.stderr if line.startswith("Ready:"))
    finally:
        process.terminate()
        ended = process.wait(60)
    assert ended == 0


def ask(address: str, arguments: list[str], identity: str) -> dict[str, str]:
    """What `curl` would get, of the server whose port is free here."""
    path = re.sub(r"^http://[^/]*", "", arguments[0])
    body = json.loads(arguments[arguments.index("-d") + 1].replace("ID", identity))
    found: dict[str, str] = httpx.post(f"{address}{path}", json=body).raise_for_status().json()
    return found


def test_the_chinese_page_has_the_same_commands() -> None:
    assert commands(PAGE.with_suffix(".zh-CN.md")) == commands()


@pytest.mark.slow
def test_the_page_can_be_followed(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "BACKBONE": str(tiny_model), "STRATEGY": "head", "EPOCHS": "1", "DEVICE": "cpu",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"BIZLM_{name}", value)
    (tmp_path / "data_samples").symlink_to(ROOT / "data_samples")
    said: list[str] = []
    waiting = commands()
    serve = next(one for one in waiting if "serve" in one)

    def type_in(command: list[str]) -> None:
        done = run("-c", ELSEWHERE, tmp_path, *command[2:])
        assert done.returncode == 0, f"{shlex.join(command)}\n{done.stderr}"
        said.append(done.stdout)

    before, after = waiting[: waiting.index(serve)], waiting[waiting.index(serve) + 1 :]
    for command in before:
        type_in(command)
    with served(tmp_path, serve[2:]) as address:
        identity = ""
        for command in after:
            if command[0] == "curl":
                identity = ask(address, command[1:], identity)["id"]
            elif "pytest" not in command:
                type_in(command)
    assert sum("corrections learned: 1" in one for one in said) == 1
    rows = [one for one in said if "serves" in one]
    assert rows and "right" in rows[-1]
    assert len(list((tmp_path / "var" / "triage" / "releases").iterdir())) == 2
