"""A verb of `federate` in a process of its own: torch and signals are not those of NVFlare."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from common.errors import UserError

LOG = "federate.log"
LAST = 4000
APPLICATION = re.compile(r"[a-z]\w*")


def run_verb(
    application: str,
    words: Sequence[str],
    round_directory: Path,
    *,
    here: Path,
    is_over: Callable[[], bool],
) -> None:
    """Run `federate VERB …`; what it prints goes to `federate.log` beside the round.

    Args:
        here: what relative paths are relative to.
        is_over: whether the job was aborted; the verb is ended then, and what it learned so far
            is kept.

    Raises:
        UserError: it did not succeed; the end of what it printed.
    """
    if not APPLICATION.fullmatch(application):
        raise UserError(f"no application is called {application!r}")
    # -P: what lies in the directory is data, and never imported.
    command = [sys.executable, "-P", "-m", f"apps.{application}", "federate", *words]
    log = round_directory.with_name(LOG)
    with log.open("a+b") as file:
        begin = file.tell()
        process = subprocess.Popen(
            command, cwd=here, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT
        )
        code = _wait(process, is_over)
        file.seek(begin)
        said = file.read()[-LAST:].decode("utf-8", "replace").strip()
    if code != 0:
        raise UserError(f"federate {words[0]} ended with {code}: {said}", where=str(log))


def _wait(process: subprocess.Popen[bytes], is_over: Callable[[], bool]) -> int:
    while True:
        try:
            return process.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            if is_over():
                process.terminate()
                process.wait()
                raise UserError("the job was aborted") from None
