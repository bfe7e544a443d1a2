"""The processes that tests start: they are what `python` would start, but for the imports."""

from __future__ import annotations

import signal
import subprocess

import pytest
from processes import Process, run


def test_it_has_imported_the_libraries_before_it_begins() -> None:
    done = run("-c", "import sys; print({'torch', 'peft'} <= {*sys.modules})")
    assert done.stdout == "True\n"


def test_it_reads_writes_and_ends_as_python_does() -> None:
    code = "import sys; print(input()); print('bad', file=sys.stderr); sys.exit(int(sys.argv[1]))"
    done = run("-c", code, 3, said="good\n")
    assert (done.returncode, done.stdout, done.stderr) == (3, "good\n", "bad\n")
    assert run("-c", "1 / 0").returncode == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_it(number: signal.Signals) -> None:
    code = "import sys, time; print('here', file=sys.stderr); time.sleep(600)"
    process = Process("-c", code, stderr=subprocess.PIPE)
    assert process.stderr
    assert process.stderr.readline() == "here\n"
    assert process.poll() is None
    process.send_signal(number)
    # An interrupt is an exception there.
    assert process.wait(60) == (1 if number == signal.SIGINT else -number)


def test_ranks_know_each_other_and_end_together() -> None:
    code = (
        "import os, sys, time; rank = int(os.environ['RANK']);"
        "print(rank, os.environ['WORLD_SIZE']); sys.stdout.flush();"
        "sys.exit(7) if rank else time.sleep(600)"
    )
    assert run("-c", code, ranks=2).returncode == 7
    done = run("-c", code.split("sys.exit", maxsplit=1)[0], ranks=2)
    assert (done.returncode, {*done.stdout.splitlines()}) == (0, {"0 2", "1 2"})
