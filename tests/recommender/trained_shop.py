"""The sample shop for tests of the command line, which end well."""

from __future__ import annotations

from collections.abc import Callable

from command_line import ROOT, Finished, run_here

SAMPLES = ROOT / "data_samples" / "recommender"
USERS = 90
QUICK = ("--set", "epochs=1", "--device", "cpu", "--precision", "fp32")


def succeed(*arguments: object, run: Callable[..., Finished] = run_here) -> Finished:
    """Run a verb, which is expected to end well."""
    done = run("recommender", *arguments)
    assert done.returncode == 0, done.stderr
    return done
