"""Conversations over HTTP: two server processes, a restart, keys, purging."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from browser import waiting
from sample import Demo, Run
from server import running

from apps.customer_service.conversation.replies import load_replies

ASKED = "How do I send money to someone in the UK?"
FOLLOWS = "and abroad?"
GREETING = "Ahoy! What brings you here?"


@pytest.fixture(scope="module")
def store(bilingual: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("conversing") / "var"
    shutil.copytree(bilingual.store, copy, symlinks=True)
    return copy


@pytest.fixture(scope="module")
def address(store: Path) -> Iterator[str]:
    own = store.parent / "replies.toml"
    own.write_text(f'[en]\ngreeting = "{GREETING}"\n', encoding="utf-8")
    with running(store, "--replies", own) as found:
        yield found


def ask(address: str, question: str, conversation: str | None = None, **more: Any) -> Any:
    headers = more.pop("headers", None)
    body = {"question": question, "conversation_id": conversation, **more}
    reply = httpx.post(f"{address}/v1/answers", json=body, headers=headers, timeout=60)
    assert reply.status_code == 200, reply.text
    return reply.json()


def written(store: Path, conversation: str) -> list[str]:
    with sqlite3.connect(store / "bizlm.sqlite") as database:
        query = "SELECT text FROM turns WHERE conversation_id = ? ORDER BY at"
        return [row[0] for row in database.execute(query, [conversation])]


def wait_for(store: Path, conversation: str, turns: int) -> list[str]:
    return waiting(store, 30).until(
        lambda place: (found := written(place, conversation)) and len(found) >= turns and found
    )


def test_a_conversation_goes_on_by_the_id_that_was_given(address: str) -> None:
    first = ask(address, ASKED)
    assert len(first["conversation_id"]) == 24
    second = ask(address, FOLLOWS, first["conversation_id"])
    assert second["conversation_id"] == first["conversation_id"]
    assert second["kind"] == "follow_up"
    assert second["citations"][0]["faq_id"] == "en-intl-send"
    assert ask(address, FOLLOWS)["kind"] != "follow_up"


@pytest.mark.parametrize("own", ["order:4711@shop.example", "x", "y" * 24, "z" * 64])
def test_a_client_goes_on_by_an_id_of_its_own(address: str, own: str) -> None:
    first = ask(address, ASKED, own)
    assert first["kind"] == "question"
    by_own, by_ours = (ask(address, FOLLOWS, one) for one in (own, first["conversation_id"]))
    assert by_own["kind"] == by_ours["kind"] == "follow_up"
    assert by_own["conversation_id"] == by_ours["conversation_id"] == first["conversation_id"]


@pytest.mark.parametrize("bad", ["", "x" * 65, "a b", "../etc", ".", "卡"])
def test_what_is_no_id_is_refused_and_it_is_told_what_is(address: str, bad: str) -> None:
    body = {"question": ASKED, "conversation_id": bad}
    reply = httpx.post(f"{address}/v1/answers", json=body, timeout=60)
    assert reply.status_code == 422
    assert "64" in reply.text


def test_a_ticket_is_found_by_a_client_s_own_id(address: str) -> None:
    opened = ask(address, "I want to speak to a person", "ticket-1")
    assert opened["ticket"]["with_person"]
    assert ask(address, ASKED, "ticket-1")["handoff"]["reason"] == "with_person"
    read = httpx.get(f"{address}/v1/conversations/ticket-1", timeout=60).json()
    assert read["conversation_id"] == opened["conversation_id"]
    left = httpx.post(f"{address}/v1/conversations/ticket-1/assistant", json={}, timeout=60)
    assert left.status_code == 200
    assert not left.json()["ticket"]["with_person"]


def test_a_business_greets_in_its_own_words(address: str) -> None:
    assert ask(address, "hello")["answer"] == GREETING
    assert ask(address, "谢谢")["answer"] == load_replies().reply("thanks", "zh")


@pytest.mark.slow
def test_a_replica_and_a_restart_go_on_with_it(address: str, store: Path) -> None:
    identity = ask(address, ASKED)["conversation_id"]
    wait_for(store, identity, 1)
    with running(store) as other:
        found = ask(other, FOLLOWS, identity)
        assert (found["conversation_id"], found["kind"]) == (identity, "follow_up")
        wait_for(store, identity, 2)
        assert ask(address, "and from there?", identity)["conversation_id"] == identity
    with running(store) as again:
        assert ask(again, FOLLOWS, identity)["kind"] == "follow_up"
    assert wait_for(store, identity, 4)[:2] == [ASKED, FOLLOWS]


def test_what_is_stored_is_masked_and_is_purged_by_its_user(
    address: str, store: Path, run: Run
) -> None:
    said = "my card 4111 1111 1111 1111 was stolen"
    identity = ask(address, said, user="customer 7")["conversation_id"]
    assert wait_for(store, identity, 1) == ["my card <card> was stolen"]
    done = run("feedback", "purge", "--subject", "customer 7", "--store", store, "--json")
    assert json.loads(done.stdout)["turns"] == 1
    assert written(store, identity) == []
    assert ask(address, FOLLOWS, identity)["kind"] != "follow_up"


def test_a_key_s_conversation_is_no_other_key_s(bilingual: Demo, tmp_path: Path, run: Run) -> None:
    store, keys = tmp_path / "var", tmp_path / "keys"
    shutil.copytree(bilingual.store, store, symlinks=True)
    names = ("one", "two")
    made = [run("keys", "add", name, "--api-key-file", keys).stdout.split()[-1] for name in names]
    one, two = ({"Authorization": f"Bearer {key}"} for key in made)
    with running(store, "--api-key-file", str(keys)) as address:
        identity = ask(address, ASKED, headers=one)["conversation_id"]
        wait_for(store, identity, 1)
        foreign = ask(address, FOLLOWS, identity, headers=two)
        assert foreign["conversation_id"] != identity
        assert foreign["kind"] != "follow_up"
        assert ask(address, FOLLOWS, identity, headers=one)["kind"] == "follow_up"
        ask(address, ASKED, "mine", headers=one)
        assert ask(address, FOLLOWS, "mine", headers=two)["kind"] != "follow_up"


def test_an_answer_needs_no_memory(bilingual: Demo, tmp_path: Path) -> None:
    store = tmp_path / "var"
    shutil.copytree(bilingual.store, store, symlinks=True)
    with running(store) as address:
        identity = ask(address, ASKED)["conversation_id"]
        wait_for(store, identity, 1)
        with sqlite3.connect(store / "bizlm.sqlite") as database:
            database.execute("DROP TABLE turns")
        assert ask(address, FOLLOWS, identity)["conversation_id"] == identity
        # What was said since the database was lost is remembered by the process.
        assert ask(address, ASKED, identity)["decision"] == "answer"
        assert ask(address, FOLLOWS, identity)["kind"] == "follow_up"
        metrics = httpx.get(f"{address}/metrics").text
        # A handover reads what was said before it, too.
        unread = re.search(r"^bizlm_conversations_unread_total (\S+)$", metrics, re.MULTILINE)
        assert unread and float(unread[1]) >= 3


def test_what_is_no_question_does_not_speak_against_the_release(address: str, store: Path) -> None:
    said = ("thanks", "转人工", "I want to kill myself")
    for message in said:
        ask(address, message)
    query = "SELECT decision FROM predictions WHERE text IN (?, ?, ?)"
    with sqlite3.connect(store / "bizlm.sqlite") as database:
        found = waiting(database, 30).until(
            lambda place: (
                (rows := place.execute(query, said).fetchall()) and len(rows) == 3 and rows
            )
        )
    assert sorted(row[0] for row in found) == ["chat", "person", "person"]
