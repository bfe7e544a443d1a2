"""From a wrong answer to the right one, over HTTP, on the real server that learns."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import databases
import httpx
import pytest
from sample import Demo, Run
from server import running

QUESTION = "they towed my car, call me on 13800138000"
MOST_POLLS = 1200
TOWED = "Cars are towed to the yard at 5 Dock Road; bring your licence to fetch yours."


@pytest.fixture(scope="module")
def store(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("learning") / "var"
    shutil.copytree(demo.store, copy, symlinks=True, ignore=shutil.ignore_patterns("*.sqlite*"))
    return copy


@pytest.fixture(scope="module")
def client(store: Path) -> Iterator[httpx.Client]:
    with (
        running(store, "--learn", "at-once") as address,
        httpx.Client(base_url=address, timeout=60) as made,
    ):
        yield made


def ask(client: httpx.Client, question: str = QUESTION, **more: str) -> dict[str, str]:
    answer: dict[str, str] = client.post("/v1/answers", json={"question": question, **more}).json()
    return answer


def test_a_correction_is_learned_and_answers(client: httpx.Client, store: Path) -> None:
    before = ask(client)
    said = {"answer_id": before["id"], "answer": TOWED}
    reply = client.post("/v1/feedback", json=said)
    assert reply.status_code == 201
    assert (reply.json()["counts_alone"], reply.json()["learning"]) == (True, True)

    # Learning has a low priority, and gets its turn late where all tests run at once.
    for _ in range(MOST_POLLS):
        state = client.get("/v1/feedback").json()["learning"]
        if state in {"failed", "refused"} or ask(client)["release_id"] != before["release_id"]:
            break
        time.sleep(0.5)
    assert state not in {"failed", "refused"}
    assert ask(client)["answer"] == TOWED
    (row,) = client.get("/v1/feedback", params={"kind": "correction"}).json()["rows"]
    assert row["text"] == "they towed my car, call me on <phone>"
    assert row["status"] == "learned"
    assert b"13800138000" not in databases.content(store)


def test_a_proxy_s_customers_are_not_trusted(client: httpx.Client) -> None:
    forwarded = {"X-Forwarded-For": "203.0.113.9"}
    answer = ask(client, "how do I get a new card", user="customer 1")
    said = {"answer_id": answer["id"], "verdict": "bad", "user": "customer 1"}
    reply = client.post("/v1/feedback", json=said, headers=forwarded)
    assert (reply.status_code, reply.json()["counts_alone"]) == (201, False)
    assert client.get("/v1/feedback", headers=forwarded).status_code == 403
    decision = {"ids": [reply.json()["id"]], "status": "accepted"}
    refused = client.post("/v1/feedback/decisions", json=decision, headers=forwarded)
    assert refused.status_code == 403
    sources = {row["source"] for row in client.get("/v1/feedback").json()["rows"]}
    assert len(sources) == 2
    assert all(len(source) == 16 for source in sources)


def test_decisions_are_made_and_taken_back(client: httpx.Client) -> None:
    answer = ask(client, "a new question")
    said = {"answer_id": answer["id"], "faq_id": "en-card-lost"}
    forwarded = {"X-Forwarded-For": "203.0.113.9"}
    identity = client.post("/v1/feedback", json=said, headers=forwarded).json()["id"]
    for status in ("rejected", "new"):
        decision = {"ids": [identity], "status": status}
        assert client.post("/v1/feedback/decisions", json=decision).json() == {"changed": 1}
        rows = client.get("/v1/feedback", params={"status": status}).json()["rows"]
        assert identity in {row["id"] for row in rows}


@pytest.mark.parametrize(
    ("said", "status", "says"),
    [
        ({"answer_id": "gone", "verdict": "good"}, 404, "send its question along"),
        ({"answer_id": "gone", "question": "q", "faq_id": "none"}, 422, "no FAQ 'none'"),
        ({"answer_id": "gone", "question": "q"}, 422, "exactly one"),
        ({"answer_id": "x", "verdict": "good", "faq_id": "y"}, 422, "exactly one"),
    ],
)
def test_what_cannot_be_taken_is_said(
    client: httpx.Client, said: dict[str, str], status: int, says: str
) -> None:
    reply = client.post("/v1/feedback", json=said)
    assert reply.status_code == status
    assert says in reply.text


def test_feedback_is_taken_without_the_answer_if_its_question_comes_along(
    client: httpx.Client,
) -> None:
    said = {"answer_id": "gone", "question": "where is my card", "verdict": "good"}
    assert client.post("/v1/feedback", json=said).status_code == 201


def test_what_is_said_of_a_user_is_purged_by_their_name(
    client: httpx.Client, store: Path, run: Run
) -> None:
    ask(client, "a question of somebody who left", user="customer 99")
    client.get("/v1/feedback")
    said = {
        "answer_id": "gone",
        "question": "my last word",
        "verdict": "bad",
        "user": "customer 99",
    }
    assert client.post("/v1/feedback", json=said).status_code == 201
    done = run("feedback", "purge", "--subject", "customer 99", "--store", store, "--json")
    assert '"predictions": 1' in done.stdout
    assert '"feedback": 1' in done.stdout
