"""A visitor rates answers, and can neither correct them nor be heard as many."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import httpx
from sample import Demo, Run
from server import running

ASKED = "What should I do if my card is lost or stolen?"


def test_a_visitor_rates_and_does_not_correct(demo: Demo, tmp_path: Path, run: Run) -> None:
    store, keys = tmp_path / "var", tmp_path / "keys"
    shutil.copytree(demo.store, store, symlinks=True)
    key = run("keys", "add", "office", "--api-key-file", keys).stdout.split()[-1]
    with running(
        store, "--api-key-file", str(keys), "--embed-on", "https://shop.example"
    ) as address:

        def post(path: str, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
            return httpx.post(f"{address}/v1/{path}", json=body, headers=headers, timeout=30)

        answer = post("answers", question=ASKED).json()
        said = {"answer_id": answer["id"], "question": ASKED}
        corrected = {**said, "faq_id": answer["citations"][0]["faq_id"]}
        assert post("feedback", **corrected, user="anna").status_code == 403
        for user in ("anna", "ben"):
            assert post("feedback", **said, verdict="bad", user=user).status_code == 201
        office = {"X-API-Key": key}
        assert post("feedback", office, **corrected).status_code == 201
        for path in ("gaps", "tickets", "faqs"):
            assert httpx.get(f"{address}/v1/{path}").status_code == 401
    with sqlite3.connect(store / "bizlm.sqlite") as database:
        sources = database.execute("SELECT DISTINCT source FROM feedback WHERE kind = 'bad'")
        assert len(sources.fetchall()) == 1
