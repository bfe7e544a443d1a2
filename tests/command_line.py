"""An application's command line, run in this process or in one of its own."""

from __future__ import annotations

import contextlib
import importlib
import io
import sys

import pytest
from processes import ENVIRONMENT, ROOT, Finished, run

__all__ = ["ROOT", "Finished", "run_apart", "run_here"]


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
    return run("-m", f"apps.{application}", *arguments)
