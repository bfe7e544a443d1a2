"""A conversation that is read from a pipe."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest

from apps.customer_service.conversation import cli
from common.errors import UserError


def _asked(monkeypatch: pytest.MonkeyPatch, written: bytes) -> list[str]:
    asked: list[str] = []
    session: Any = None
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(written), encoding="utf-8"))
    monkeypatch.setattr(cli, "_show", lambda *given: asked.append(given[2]))
    cli._converse(session, session, as_json=True)
    return asked


def test_a_line_that_says_nothing_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _asked(monkeypatch, "\n \n\u200b\nwhere is it\n".encode()) == ["where is it"]


def test_another_encoding_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="not UTF-8"):
        _asked(monkeypatch, "卡丢了\n".encode("gbk"))
