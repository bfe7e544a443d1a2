from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from monitoring import names_asked_for, names_told
from release_contract import assert_opens_as_sentence_transformer
from sample import Demo, Run
from server import running

QUESTION = "What should I do if my card is lost or stolen?"


@pytest.fixture(scope="module")
def store(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("serving") / "var"
    shutil.copytree(demo.store, copy, symlinks=True)
    return copy


@pytest.fixture(scope="module")
def client(store: Path) -> Iterator[httpx.Client]:
    with running(store) as address, httpx.Client(base_url=address, timeout=60) as made:
        yield made


def test_answers_with_source_confidence_and_timings(client: httpx.Client) -> None:
    answer = client.post("/v1/answers", json={"question": QUESTION}).raise_for_status().json()
    assert answer["citations"][0]["faq_id"] == "en-card-lost"
    assert 0 <= answer["confidence"] <= 1
    assert answer["decision"] in {"answer", "clarify", "handoff"}
    assert {"queue", "encode", "search", "total"} <= answer["timings_ms"].keys()


def test_a_stream_ends_with_the_same_answer(client: httpx.Client) -> None:
    whole = client.post("/v1/answers", json={"question": QUESTION}).json()
    reply = client.post("/v1/answers", json={"question": QUESTION, "stream": True})
    assert reply.headers["content-type"].startswith("text/event-stream")
    events = [block.split("\n") for block in reply.text.strip().split("\n\n")]
    named = [(e[0].removeprefix("event: "), json.loads(e[1][6:])) for e in events]
    assert named[0][0] == "start"
    assert named[-1][0] == "done"
    assert named[-1][1]["answer"] == whole["answer"]
    pieces = "".join(data["text"] for name, data in named if name == "delta")
    assert pieces == (whole["answer"] or "")


def test_questions_that_share_a_pass_get_the_answers_they_get_alone(client: httpx.Client) -> None:
    questions = [
        QUESTION,
        "我的卡丢了",
        "xyzzy",
        *(f"how do I get card number {n}" for n in range(13)),
    ]

    def ask(question: str) -> tuple[str, float, str]:
        # A busy machine refuses what would wait for long.
        while (
            response := client.post("/v1/answers", json={"question": question})
        ).status_code == 429:
            time.sleep(0.2)
        reply = response.raise_for_status().json()
        first = reply["citations"][0]["faq_id"] if reply["citations"] else ""
        return reply["decision"], reply["confidence"], first

    alone = [ask(question) for question in questions]
    with ThreadPoolExecutor(16) as pool:
        for _ in range(3):
            for one, other in zip(alone, pool.map(ask, questions), strict=True):
                assert (one[0], one[2]) == (other[0], other[2])
                assert one[1] == pytest.approx(other[1], abs=0.002)


def test_nonsense_goes_to_a_person(client: httpx.Client) -> None:
    answer = client.post("/v1/answers", json={"question": "sing me a song about dragons"}).json()
    assert answer["decision"] == "handoff"
    assert answer["answer"] is None
    assert answer["handoff"]["reason"]


def test_retrieve_and_embeddings(client: httpx.Client) -> None:
    found = client.post("/v1/retrieve", json={"question": QUESTION, "top_k": 4}).json()
    scores = [candidate["score"] for candidate in found["candidates"]]
    assert len(scores) == 4
    assert scores == sorted(scores, reverse=True)
    made = client.post("/v1/embeddings", json={"input": ["a card", "a loan"]}).json()
    assert [one["index"] for one in made["data"]] == [0, 1]
    assert sum(x * x for x in made["data"][0]["embedding"]) == pytest.approx(1, abs=1e-4)


def test_embeddings_are_those_of_the_releases_model(client: httpx.Client, store: Path) -> None:
    texts = [QUESTION, "银行卡丢了怎么办", "Can I change the address of a parcel?"]
    made = client.post("/v1/embeddings", json={"input": texts}).json()
    release = store / "customer_service" / "current"
    vectors = [one["embedding"] for one in made["data"]]
    assert_opens_as_sentence_transformer(release, texts, vectors)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"question": "x" * 2001}, 413),
        ({"question": "   "}, 422),
        ({"question": "hi", "unknown": 1}, 422),
        ({}, 422),
        ({"question": "\ud800"}, 422),
    ],
    ids=["too long", "blank", "unknown field", "nothing", "half a character"],
)
def test_bad_requests_are_problems(
    client: httpx.Client, body: dict[str, object], status: int
) -> None:
    headers = {"content-type": "application/json"}
    reply = client.post("/v1/answers", content=json.dumps(body), headers=headers)
    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["title"]


def test_page_examples_health_and_metrics(client: httpx.Client) -> None:
    assert "<title>" in client.get("/").text
    assert client.get("/web/chat.js").status_code == 200
    assert len(client.get("/v1/examples", params={"language": "en"}).json()["examples"]) == 4
    assert client.get("/healthz").json() == {
        "status": "alive",
        "server": "bizlm customer service",
    }
    assert client.get("/readyz").status_code == 200
    assert "bizlm_http_requests_total" in client.get("/metrics").text
    assert "/v1/answers" in client.get("/openapi.json").json()["paths"]


def test_dashboard_and_alerts_ask_for_what_a_server_tells(client: httpx.Client) -> None:
    asked = {name for name in names_asked_for() if not name.startswith("bizlm_monitor_")}
    # Only with --releases-from; see test_shared_releases.py.
    asked.remove("bizlm_releases_unfollowed")
    assert asked <= names_told(client.get("/metrics").text)


def test_a_promotion_during_traffic_fails_no_request(
    client: httpx.Client, demo: Demo, tiny_model: Path, store: Path, run: Run
) -> None:
    done = run(
        "train", "--faqs", demo.faqs, "--questions", demo.questions, "--backbone", tiny_model,
        "--set", "strategy=head", "--set", "epochs=1", "--no-promote", "--store", store, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    wanted = json.loads(done.stdout)["release_id"]
    before = client.get("/readyz").json()["reasons"]["release_id"]
    assert before != wanted
    assert run("releases", "promote", wanted, "--store", store).returncode == 0

    def ask(_: int) -> tuple[int, str]:
        reply = client.post("/v1/answers", json={"question": QUESTION})
        return reply.status_code, reply.json()["release_id"]

    seen: list[tuple[int, str]] = []
    with ThreadPoolExecutor(4) as pool:
        for _ in range(200):
            seen += pool.map(ask, range(4))
            if seen[-1][1] == wanted:
                break
    assert {status for status, _ in seen} == {200}
    assert seen[-1][1] == wanted
    assert {release for _, release in seen} <= {before, wanted}
