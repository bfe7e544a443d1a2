"""An application's command line, run in this process or in one of its own."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}
Finished = subprocess.CompletedProcess[str]


def run_here(application: str, *arguments: object) -> Finished:
    """Run a verb as from the command line, without the seconds that a new process imports for."""
    main = importlib.import_module(f"apps.{application}.cli").main
    command = ["-m", *map(str, arguments)]
    code, out, err = 0, io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.chdir(ROOT),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.setattr(sys, "argv", command)
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    return Finished(command, code, out.getvalue(), err.getvalue())


def run_apart(application: str, *arguments: object) -> Finished:
    """Run a verb in a fresh process, which knows nothing but what is on the disk."""
    return run_module(f"apps.{application}", *arguments)


def run_module(module: str, *arguments: object) -> Finished:
    """`python -m MODULE ARGUMENTS` from the root of the repository."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    environment = os.environ | ENVIRONMENT
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False
    )
