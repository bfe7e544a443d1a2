"""Stories that are sent to a server, beside the feed that it follows."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from command_line import run_here
from monitor_serving import copy_release, serving
from news import at, record
from pydantic import ValidationError

from apps.finance_monitor.incoming.server import Stories
from common.webhooks import is_signed, signature

SECRET = "BIZLM_STORIES_SECRET"


def _send(address: str, stories: list[dict[str, str]], secret: str | None) -> tuple[int, Any]:
    body = json.dumps({"stories": stories}).encode()
    headers = {"Content-Type": "application/json"}
    if secret is not None:
        headers["X-Signature-256"] = signature(body, secret)
    request = urllib.request.Request(f"{address}/v1/stories", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def _heard(address: str, count: int) -> list[str]:
    deadline = time.monotonic() + 60
    while True:
        with urllib.request.urlopen(f"{address}/v1/stories", timeout=30) as reply:
            found = [story["id"] for story in json.load(reply)]
        if len(found) >= count:
            return found[::-1]
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def _story(identity: str, hours: float) -> dict[str, str]:
    text = f"House {identity} opens office number {hash(identity)}"
    return {"id": identity, "published_at": at(hours).isoformat(), "text": text}


def test_stories_are_heard_in_order_once_and_over_a_restart(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, SECRET, "open sesame")
    store = copy_release(release, tmp_path / "var")
    feed = tmp_path / "feed.jsonl"
    feed.write_text(record("m", 1).model_dump_json(exclude_none=True) + "\n", encoding="utf-8")
    more = ("--feed", str(feed), "--stories")
    with serving(store, *more) as address:
        for secret in (None, "wrong", ""):
            status, problem = _send(address, [_story("x", 1)], secret)
            assert (status, "does not fit" in problem["detail"]) == (401, True)
        assert _send(address, [], "open sesame")[0] == 422
        sent = [_story(f"i{n}", 1 + n / 10) for n in (2, 0, 1)]
        assert _send(address, [*sent, sent[0]], "open sesame") == (202, {"kept": 3, "known": 1})
        assert [one for one in _heard(address, 4) if one != "m"] == ["i2", "i0", "i1"]
        assert _send(address, sent, "open sesame") == (202, {"kept": 0, "known": 3})
    inbox = store / "finance_monitor" / "inbox.jsonl"
    line = json.dumps(_story("meanwhile", 2)) + "\n"
    inbox.write_text(inbox.read_text(encoding="utf-8") + line, encoding="utf-8")
    with serving(store, *more) as address:
        assert _send(address, [_story("after", 2)], "open sesame")[0] == 202
        assert [one for one in _heard(address, 6) if one != "m"] == [
            *("i2", "i0", "i1"),
            *("meanwhile", "after"),
        ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--stories"], "beside a --feed that is not scored"),
        (["--stories", "--feed", "x.jsonl", "--host", "0.0.0.0"], "Give --api-key-file"),
    ],
)
def test_stories_that_strangers_could_send_are_refused(
    tmp_path: Path, options: list[str], message: str
) -> None:
    done = run_here("finance_monitor", "serve", *options, "--store", tmp_path)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())


def test_a_signature_fits_one_body_and_one_secret() -> None:
    made = signature(b"body", "secret")
    assert is_signed(b"body", "secret", made)
    assert not is_signed(b"body ", "secret", made)
    assert not is_signed(b"body", "other", made)
    assert not is_signed(b"body", "secret", "sha256=é")


@pytest.mark.parametrize("wrong", [{"language": 1}, {"published_at": 1_772_452_800}, {"id": 7}])
def test_a_number_is_taken_for_nothing_else(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Stories.model_validate({"stories": [{**_story("x", 1), **wrong}]})
    Stories.model_validate({"stories": [_story("x", 1)]})
