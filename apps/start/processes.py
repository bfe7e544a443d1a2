"""The servers of all applications as processes of this one: started together, ended together."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from apps.start.applications import Application
from common.console import say
from common.errors import Exit, UserError

ENDING_SECONDS = 40


def train(application: Application, store: Path) -> None:
    """Fine-tune it on its sample data, unless it has a release.

    Raises:
        UserError: it failed; it has said why.
    """
    say(f"{application.title}: fine-tuning on the sample data, once")
    command = _command(application, [*application.demo, "--store", str(store)])
    # What it shows at its end is not asked for here; its progress is.
    code = subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode
    if code == Exit.INTERRUPTED:
        raise KeyboardInterrupt
    if code:
        raise UserError(f"{application.title}: fine-tuning ended with exit code {code}")


@contextmanager
def servers(
    apps: Sequence[Application], store: Path, host: str
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """A server for each, on its port of `host`; they end with this block."""
    running = []
    try:
        for application in apps:
            place = ["--host", host, "--without-keys", "--port", str(application.port)]
            command = _command(application, [*application.serve, *place, "--store", str(store)])
            # A group of its own: Ctrl+C reaches this process, which then ends them.
            running.append(subprocess.Popen(command, start_new_session=True))
        yield running
    finally:
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(timeout=ENDING_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _command(application: Application, arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", f"apps.{application.name}", *arguments]
