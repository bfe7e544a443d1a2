from __future__ import annotations

import json
from datetime import datetime

import pytest

from common import console


def test_what_is_told_is_told_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    console.say("1 of 3 [bold] 亏损")
    written = capsys.readouterr()
    assert (written.out, written.err) == ("", "1 of 3 [bold] 亏损\n")


def test_a_program_is_told_in_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BIZLM_LOG", "json")
    monkeypatch.setattr(console, "PLAIN_LINE_SECONDS", 0.0)
    console.say("亏损 – two\nlines")
    with console.progress("Reading", 2) as advance:
        advance(2)
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert first["message"] == "亏损 – two\nlines"
    assert datetime.fromisoformat(first["time"]).tzinfo
    assert second["message"].startswith("Reading: 2/2")
