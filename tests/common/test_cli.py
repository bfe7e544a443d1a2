from __future__ import annotations

import sys

import pytest

from common.cli import new_app, parse_mapping, run
from common.errors import RefusedError, UserError


def test_a_mapping_is_read() -> None:
    assert parse_mapping(["text=a=b", "label=c"], {"text", "label"}) == {
        "text": "a=b",
        "label": "c",
    }
    assert parse_mapping(None, {"text"}) == {}


@pytest.mark.parametrize(
    ("pair", "message"),
    [("text", "not of the form"), ("text=", "not of the form"), ("txt=a", "text")],
)
def test_a_mapping_that_cannot_be_is_told(pair: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_mapping([pair], {"text", "label"})
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("error", "exit_code", "message"),
    [
        (UserError("wrong", where="a.csv:3", mend="Mend it."), 2, "Error: a.csv:3: wrong"),
        (RefusedError("worse"), 3, "Error: worse"),
        (KeyboardInterrupt(), 130, "Interrupted"),
    ],
)
def test_every_end_has_its_exit_code_and_no_traceback(
    error: BaseException,
    exit_code: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    app = new_app("test")

    @app.command()
    def fail() -> None:
        raise error

    @app.command()
    def other() -> None:
        pass

    monkeypatch.setattr(sys, "argv", ["test", "fail"])
    with pytest.raises(SystemExit) as caught:
        run(app)
    assert caught.value.code == exit_code
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
