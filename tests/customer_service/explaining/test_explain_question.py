"""`explain` of customer service, and the same over HTTP."""

from __future__ import annotations

import json

import httpx
import pytest
from sample import Demo, Run
from server import running

QUESTION = "I lost my bank card, can you block it?"


@pytest.mark.parametrize("method", ["gradients", "occlusion"])
def test_the_words_that_find_an_faq_stand_in_the_question(
    demo: Demo, run: Run, method: str
) -> None:
    done = run("explain", QUESTION, "--method", method, "--store", demo.store, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (only,) = found["attributions"]
    assert only["method"] == method
    assert all(QUESTION[w["start"] : w["end"]] == w["text"] for w in only["words"])
    assert any(word["weight"] > 0 for word in only["words"])
    assert "card" in found["shared"]
    assert len(found["neighbours"]) == 3


def test_an_answer_is_explained_over_http_without_personal_data(demo: Demo) -> None:
    with running(demo.store) as address, httpx.Client(base_url=address, timeout=60) as client:
        asked = {"question": f"{QUESTION} My number is 13800138000"}
        answer = client.post("/v1/answers", json=asked).json()
        found = client.get(f"/v1/answers/{answer['id']}/explanation").json()
        assert "13800138000" not in json.dumps(found)
        (only,) = found["attributions"]
        text = found["text"]
        assert all(text[w["start"] : w["end"]] == w["text"] for w in only["words"])
        said = found["sentences"]
        for language in ("en", "zh"):
            audited = said["auditor"][language]
            assert answer["release_id"] in audited
            assert f"{answer['confidence']:.1%}" in audited
            assert found["neighbours"][0]["text"] in audited
        assert client.get("/v1/answers/none/explanation").status_code == 404
