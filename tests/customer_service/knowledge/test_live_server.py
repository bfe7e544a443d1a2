"""Real servers: edits over HTTP, by command and by a file, under load and after a restart."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import databases
import httpx
import pytest
from databases import KINDS, empty
from sample import Demo, Run
from server import running

FORWARDED = {"X-Forwarded-For": "203.0.113.9"}
PET = {
    "id": "en-pet",
    "question": "Do you sell pet insurance?",
    "similar_questions": ["cover for my cat", "insure a puppy"],
    "answer": "Yes. Ring 0808 157 0140.",
}


@pytest.fixture(scope="module")
def store(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("live") / "var"
    shutil.copytree(demo.store, copy, symlinks=True, ignore=shutil.ignore_patterns("*.sqlite*"))
    return copy


@pytest.fixture(scope="module")
def client(store: Path) -> Iterator[httpx.Client]:
    facts = store.parent / "knowledge.csv"
    facts.write_text(
        "subject,relation,object,source\nKR-9,is a,kettle,\nKR-5,is a,kettle,\n"
        "KR-9,successor of,KR-7,Catalogue 2026\nKR-7,also called,小壶7,\n",
        encoding="utf-8",
    )
    with (
        running(store, "--graph", facts) as address,
        httpx.Client(base_url=address, timeout=60) as made,
    ):
        yield made


def ask(client: httpx.Client, question: str) -> dict[str, Any]:
    answer: dict[str, Any] = client.post("/v1/answers", json={"question": question}).json()
    return answer


def row(client: httpx.Client, faq_id: str) -> dict[str, Any]:
    rows = client.get("/v1/faqs", params={"group": faq_id, "limit": 500}).json()["rows"]
    found: dict[str, Any] = next(one for one in rows if one["id"] == faq_id)
    return found


def test_a_faq_s_life_over_http(client: httpx.Client) -> None:
    made = client.post("/v1/faqs", json={**PET, "author": "Ann"})
    assert made.status_code == 201
    (saved,) = made.json()["rows"]
    assert (saved["state"], saved["author"], saved["gain"]["is_new"]) == ("published", "Ann", True)
    assert ask(client, "insure a puppy")["answer"] == PET["answer"]

    changed = {**PET, "answer": "No.", "version": saved["version"]}
    del changed["id"]
    assert client.put("/v1/faqs/en-pet", json=changed).status_code == 200
    assert ask(client, "insure a puppy")["answer"] == "No."
    conflict = client.put("/v1/faqs/en-pet", json={**changed, "answer": "Perhaps."})
    assert conflict.status_code == 409
    assert conflict.headers["content-type"] == "application/problem+json"
    theirs = conflict.json()
    assert (theirs["author"], theirs["current"]["live"]["answer"]) == ("page", "No.")

    gone = client.delete("/v1/faqs/en-pet", params={"version": theirs["version"]})
    assert gone.json()["rows"][0]["was"]["answer"] == "No."
    assert ask(client, "insure a puppy")["answer"] != "No."
    undone = client.post("/v1/faqs/undo", json={"change": gone.json()["change"]})
    assert undone.json()["rows"][0]["state"] == "published"
    changes = client.get("/v1/faqs/history", params={"faq_id": "en-pet"}).json()["changes"]
    assert [one["kind"] for one in changes] == ["undo", "remove", "edit", "add"]
    assert changes[2]["before"]["live"]["answer"] == PET["answer"]


def test_facts_answer_with_their_path_and_an_faq_against_them_is_served_only_if_insisted_on(
    client: httpx.Client,
) -> None:
    told = ask(client, "What replaced the KR-7?")
    assert (told["decision"], told["answer"]) == ("answer", "The successor of KR-7: KR-9.")
    assert [one["place"] for one in told["path"]["facts"]] == ["knowledge.csv:4"]
    assert told["path"]["facts"][0]["source"] == "Catalogue 2026"
    assert ask(client, "小壶7的后继型号是什么？")["answer"] == "小壶7的后继型号：KR-9。"

    against = {"question": "What replaced the KR-7?", "answer": "The KR-5 did."}
    preview = client.post("/v1/faqs/preview", json={"add": [against]}).json()
    assert [one["facts_say"] for one in preview["contradictions"]] == [["KR-9"]]
    refused = client.post("/v1/faqs", json={**against, "id": "en-kettle"})
    assert refused.status_code == 409
    assert "it says KR-5; the facts say KR-9 (knowledge.csv:4)" in refused.json()["detail"]
    assert refused.json()["contradictions"][0]["faq_id"] == "en-kettle"
    insisting = {**against, "id": "en-kettle", "despite_facts": True}
    made = client.post("/v1/faqs", json=insisting)
    assert made.status_code == 201
    served = ask(client, "What replaced the KR-7?")
    assert (served["answer"], served["path"]) == (against["answer"], None)
    version = made.json()["rows"][0]["version"]
    client.delete("/v1/faqs/en-kettle", params={"version": version})
    assert ask(client, "What replaced the KR-7?")["path"] is not None


def test_writing_needs_trust(client: httpx.Client) -> None:
    for method, path, body in (
        ("POST", "/v1/faqs", PET),
        ("POST", "/v1/faqs/undo", {"change": 1}),
        ("POST", "/v1/faqs/preview", {}),
        ("POST", "/v1/faqs/decisions", {"decision": "publish", "faqs": {"x": 0}}),
        ("PUT", "/v1/faqs/x", {"question": "q", "answer": "a", "version": 0}),
        ("DELETE", "/v1/faqs/x?version=0", None),
        ("GET", "/v1/faqs", None),
        ("GET", "/v1/faqs/history", None),
    ):
        assert client.request(method, path, json=body, headers=FORWARDED).status_code == 403, path


def test_drafts_are_seen_and_what_would_change(client: httpx.Client) -> None:
    new = {"id": "draft", "question": "Is there a discotheque?", "answer": "No.", "draft": True}
    client.post("/v1/faqs", json={**new, "tags": ["price may be old"]})
    listed = client.get("/v1/faqs", params={"state": "draft", "search": "DISCOTHEQUE no"}).json()
    assert [(one["id"], one["draft"]["tags"]) for one in listed["rows"]] == [
        ("draft", ["price may be old"])
    ]
    target = client.get("/v1/faqs", params={"state": "published"}).json()["rows"][0]["id"]
    found = client.post("/v1/faqs/preview", json={"publish": ["draft"], "remove": [target]}).json()
    assert found["asked"] > 40
    assert {one["turns"] for one in found["changed"] if one["wanted"] == target} == {"wrong"}
    decided = {"decision": "reject", "faqs": {"draft": listed["rows"][0]["version"]}}
    assert client.post("/v1/faqs/decisions", json=decided).json()["rows"][0]["state"] == "removed"


def test_what_is_wrong_is_said(client: httpx.Client) -> None:
    bad = client.post("/v1/faqs", json={"question": "q", "answer": "a", "valid_from": "soon"})
    assert (bad.status_code, "valid_from" in bad.text) == (422, True)
    assert client.post("/v1/faqs/undo", json={"change": 4711}).status_code == 404
    gone = client.put("/v1/faqs/none/at/all", json={"question": "q", "answer": "a", "version": 0})
    assert (gone.status_code, "no FAQ 'none/at/all'" in gone.text) == (422, True)


def test_a_trusted_correction_is_answered_at_once_and_no_other(client: httpx.Client) -> None:
    question = "they nicked my purse on the tram"
    said = {"answer_id": ask(client, question)["id"], "faq_id": "en-card-lost"}
    receipt = client.post("/v1/feedback", json=said, headers=FORWARDED).json()
    assert (receipt["counts_alone"], receipt["live"]) == (False, False)
    before = row(client, "en-card-lost")["version"]
    receipt = client.post("/v1/feedback", json=said).json()
    assert (receipt["counts_alone"], receipt["live"]) == (True, True)
    found = ask(client, question)
    assert (found["decision"], found["citations"][0]["faq_id"]) == ("answer", "en-card-lost")
    now = row(client, "en-card-lost")
    assert (before, now["kind"], now["live"]["heard"]) == (0, "correct", [question])
    client.post("/v1/faqs/undo", json={"change": now["version"]})
    assert row(client, "en-card-lost")["live"]["heard"] == []


def test_what_a_customer_s_correction_brought_is_purged(
    client: httpx.Client, store: Path, run: Run, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    client.get("/v1/feedback")
    question = "my zeppelin LZ 129 was stolen"
    said = {"answer_id": "gone", "question": question, "faq_id": "en-card-lost"}
    assert client.post("/v1/feedback", json=said).json()["live"]
    done = run("feedback", "purge", "--text", "zeppelin", "--store", store, "--json")
    assert '"faqs_purged": [\n    "en-card-lost"' in done.stdout
    eventually(lambda: row(client, "en-card-lost")["live"]["heard"] == [])
    assert b"zeppelin" not in databases.content(store)
    kept = run(
        "feedback", "purge", "--text", "my card is lost or stolen", "--store", store, "--json"
    )
    assert '"faqs_holding": [\n    "en-card-lost"' in kept.stdout


def test_edits_under_load_fail_no_request_and_show_no_half(client: httpx.Client) -> None:
    base = str(client.base_url)
    twin = {"question": "Where is the flagship?", "answer": "1", "similar_questions": ["flagship"]}
    version = client.post("/v1/faqs", json={**twin, "id": "twin"}).json()["rows"][0]["version"]
    over = threading.Event()
    seen: set[tuple[int, str | None]] = set()
    asked: list[int] = []

    def load() -> None:
        with httpx.Client(base_url=base, timeout=60) as own:
            while not over.is_set():
                reply = own.post("/v1/answers", json={"question": "flagship"})
                asked.append(reply.status_code)
                said = reply.json()
                seen.add((reply.status_code, said.get("answer")))
                named = said["citations"][0]["question"]
                assert named.endswith(f"{said['answer']}?") or said["answer"] == "1"

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(2, 12):
        text = {**twin, "question": f"Where is flagship {number}?", "answer": str(number)}
        reply = client.put("/v1/faqs/twin", json={**text, "version": version})
        version = reply.json()["rows"][0]["version"]
        assert ask(client, "flagship")["answer"] == str(number), "served once it is said to be"
    over.set()
    for thread in threads:
        thread.join()
    assert {status for status, _ in seen} == {200}
    assert {answer for _, answer in seen} <= {str(number) for number in range(1, 12)}
    assert len(asked) > 20


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_two_servers_one_database_and_a_restart(
    kind: str,
    copied: Path,
    tmp_path: Path,
    run: Run,
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    now = datetime.now(UTC)
    past, future = ((now + timedelta(hours=hours)).isoformat() for hours in (-1, 1))
    with empty(kind, tmp_path) as url:
        options = ("--database", url)
        with ExitStack() as both:
            one, two = (
                both.enter_context(
                    httpx.Client(base_url=both.enter_context(running(copied, *options)), timeout=60)
                )
                for _ in range(2)
            )
            assert one.post("/v1/faqs", json=PET).status_code == 201
            assert ask(one, "insure a puppy")["answer"] == PET["answer"]
            eventually(lambda: ask(two, "insure a puppy")["answer"] == PET["answer"])
            until = {"question": "Open on Sunday?", "answer": "This once.", "valid_until": future}
            made = two.post("/v1/faqs", json={**until, "id": "once"})
            assert made.status_code == 201
            assert ask(two, "open on sunday")["answer"] == "This once."
            # Two editors, one on each server.
            body = {"question": PET["question"], "answer": "B", "version": 1}
            assert two.put("/v1/faqs/en-pet", json=body).status_code == 200
            assert one.put("/v1/faqs/en-pet", json={**body, "answer": "A"}).status_code == 409
            done = run("faqs", "edit", "en-pet", "--answer", "C", "--version", 1,
                       "--store", copied, *options)  # fmt: skip
            assert (done.returncode, "changed meanwhile by page" in done.stderr) == (3, True)
            ended = {**until, "valid_until": past, "version": 2}
            assert one.put("/v1/faqs/once", json=ended).status_code == 200
            eventually(lambda: ask(two, "open on sunday")["answer"] != "This once.")
        done = run("faqs", "edit", "en-pet", "--answer", "D", "--store", copied, *options)
        assert done.returncode == 0, done.stderr
        with running(copied, *options) as address, httpx.Client(base_url=address) as again:
            assert ask(again, str(PET["question"]))["answer"] == "D"


def test_a_watched_file_with_columns_of_its_own_is_held_beside_the_facts(
    copied: Path, tmp_path: Path, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    facts = tmp_path / "knowledge.csv"
    facts.write_text(
        "subject,relation,object\nKR-9,is a,kettle\nKR-5,is a,kettle\nKR-9,successor of,KR-7\n",
        encoding="utf-8",
    )
    file = tmp_path / "faqs.csv"
    header, asked = "id,ask,say,tags\n", "kettle,What replaced the KR-7?"
    file.write_text(f"{header}{asked},The KR-5 did.,\n", encoding="utf-8")
    options = ("--watch", file, "--map", "question=ask", "--map", "answer=say", "--graph", facts)
    with (
        running(copied, *options) as address,
        httpx.Client(base_url=address, timeout=60) as client,
    ):

        def reason() -> str:
            return str(client.get("/readyz").json()["reasons"].get("knowledge", ""))

        eventually(lambda: "contradicts the facts" in reason())
        assert "it says KR-5; the facts say KR-9" in reason()
        assert row(client, "en-card-lost")["state"] == "published", "nothing of the file is served"
        file.write_text(f"{header}{asked},The KR-5 did.,despite-facts\n", encoding="utf-8")
        eventually(lambda: ask(client, "What replaced the KR-7?")["answer"] == "The KR-5 did.")
        assert reason() == ""


def test_a_watched_file_is_the_truth(
    demo: Demo, copied: Path, tmp_path: Path, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    lines = demo.faqs.read_text(encoding="utf-8").splitlines()
    file = tmp_path / "faqs.jsonl"
    own = '{"id": "own", "question": "Where is the sauna?", "answer": "%s"}'
    lost = next(one for one in lines if "en-card-lost" in one)

    def write(*rows: str) -> None:
        file.write_text("\n".join(rows) + "\n", encoding="utf-8")

    write(*lines, own % "Upstairs.")
    with (
        running(copied, "--watch", str(file)) as address,
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        sauna = "where is the sauna"
        assert ask(client, sauna)["answer"] == "Upstairs."
        refused = client.post("/v1/faqs", json=PET)
        assert (refused.status_code, "faqs.jsonl" in refused.text) == (409, True)

        write(*(one for one in lines if one != lost), own % "Downstairs.")
        eventually(lambda: ask(client, sauna)["answer"] == "Downstairs.")
        assert row(client, "en-card-lost")["state"] == "removed"
        changes = client.get("/v1/faqs/history").json()["changes"]
        latest = [one for one in changes if one["change"] == changes[0]["change"]]
        assert {(one["faq_id"], one["author"]) for one in latest} == {
            ("own", "file"), ("en-card-lost", "file"),
        }  # fmt: skip

        def reason() -> str:
            return str(client.get("/readyz").json()["reasons"].get("knowledge", ""))

        write(*lines, '{"id": "own", "question": "Where is the sauna?"}')
        eventually(lambda: "answer: Field required" in reason())
        assert str(tmp_path) not in reason()
        assert client.get("/v1/faqs").json()["watched"]["trouble"] == reason()
        assert ask(client, sauna)["answer"] == "Downstairs.", "a bad file changes nothing"
        file.unlink()
        eventually(lambda: "no such file" in reason())
        assert ask(client, sauna)["answer"] == "Downstairs."
        write(*lines, own % "Here.")
        eventually(lambda: ask(client, sauna)["answer"] == "Here.")
        assert reason() == ""
        assert row(client, "en-card-lost")["state"] == "published"
