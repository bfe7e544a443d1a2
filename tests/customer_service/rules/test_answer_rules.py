"""Rules over answers: forced, forbidden, renamed and routed, over HTTP and in the terminal."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from processes import wait_for
from rules_contract import check_live
from sample import Demo, Run
from server import running

RULES = """
glossary = "glossary.toml"

[[rule]]
name = "fraud goes to a person"
when = { any = ["fraud"] }
action = "route"
to = "fraud desk"
priority = "high"

[[rule]]
name = "moonlight damages"
when = { any = ["moonlight"], language = "en" }
action = "force"
faq_id = "en-card-damaged"

[[rule]]
name = "no found cards"
when = { any = ["card", "卡"] }
action = "forbid"
faq_id = "en-card-found"

[[rule]]
name = "cards have a name"
action = "rename"
label = "card_lost"
to = { en = "Lost cards", zh = "挂失" }
"""
GLOSSARY = 'fraud = ["scam", "诈骗"]\n'
LOST = "What should I do if my card is lost or stolen?"
FOUND = "I found my card again after reporting it lost"


@pytest.fixture(scope="module")
def store(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("ruling") / "var"
    shutil.copytree(demo.store, copy, symlinks=True)
    return copy


def intent_of(store: Path, faq_id: str) -> str:
    lines = (store / "customer_service/current/faqs.jsonl").read_text(encoding="utf-8").splitlines()
    intents: dict[str, str] = {faq["id"]: faq["intent"] for faq in map(json.loads, lines)}
    return intents[faq_id]


@pytest.fixture(scope="module")
def rules(store: Path) -> Path:
    path = store.parent / "rules.toml"
    path.write_text(RULES.replace("card_lost", intent_of(store, "en-card-lost")), encoding="utf-8")
    (store.parent / "glossary.toml").write_text(GLOSSARY, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def address(store: Path, rules: Path) -> Iterator[str]:
    with running(store, "--rules", str(rules)) as found:
        yield found


def ask(address: str, question: str, conversation: str | None = None) -> Any:
    body = {"question": question, "conversation_id": conversation}
    reply = httpx.post(f"{address}/v1/answers", json=body, timeout=60)
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_a_forced_answer_says_so(address: str) -> None:
    answer = ask(address, "Moonlight sonata?")
    assert answer["decision"] == "answer"
    assert [one["faq_id"] for one in answer["citations"]] == ["en-card-damaged"]
    assert answer["decided_by"] == {
        "rule": "moonlight damages",
        "action": "force",
        "further": [],
    }


def test_a_forbidden_answer_is_not_even_offered(address: str, store: Path, run: Run) -> None:
    without = json.loads(run("ask", FOUND, "--store", store, "--json").stdout)
    assert without["citations"][0]["faq_id"] == "en-card-found"
    assert without["decided_by"] is None
    answer = ask(address, FOUND)
    offered = [one["faq_id"] for one in (*answer["citations"], *answer["suggestions"])]
    assert offered
    assert "en-card-found" not in offered
    assert answer["decided_by"]["rule"] == "no found cards"
    other = ask(address, "Why is contactless not working on my card?")
    assert other["decided_by"] is None, "it would not have been the answer anyway"


@pytest.mark.parametrize("said", ["I was scammed… it is a SCAM", "遇到诈骗了"])
def test_a_route_hands_over_in_the_middle_of_a_conversation(address: str, said: str) -> None:
    first = ask(address, "How do I change my PIN to a number I choose?")
    answer = ask(address, said, first["conversation_id"])
    assert answer["decision"] == "handoff"
    assert answer["handoff"] == {"reason": "rule", "priority": "high", "queue": "fraud desk"}
    assert answer["message"]
    assert answer["decided_by"]["rule"] == "fraud goes to a person"
    after = ask(address, "and online?", first["conversation_id"])
    assert "scam" not in (after["understood_as"] or "").lower(), "nothing goes on from it"


def test_danger_goes_before_every_rule(address: str) -> None:
    answer = ask(address, "moonlight, I want to kill myself")
    assert answer["handoff"]["priority"] == "urgent"
    assert answer["decided_by"] is None


def test_an_intent_is_shown_under_its_name(address: str, store: Path) -> None:
    answer = ask(address, LOST)
    assert answer["intent"]["name"] == intent_of(store, "en-card-lost")
    assert answer["shown_as"] == {answer["intent"]["name"]: "Lost cards"}
    assert ask(address, "卡丢了怎么办")["shown_as"] in (None, {answer["intent"]["name"]: "挂失"})


def test_what_a_rule_decided_is_not_learned(address: str, store: Path) -> None:
    answer = ask(address, "moonlight again?")
    said = {"answer_id": answer["id"], "faq_id": "en-pin-change"}

    def rows(query: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(store / "bizlm.sqlite") as database:
            return database.execute(query, [answer["id"]]).fetchall()

    wait_for(lambda: rows("SELECT decision FROM predictions WHERE id = ?") == [("rule",)])
    receipt = httpx.post(f"{address}/v1/feedback", json=said, timeout=60).json()
    assert not receipt["live"]
    query = "SELECT given FROM feedback WHERE prediction_id = ?"
    wait_for(lambda: rows(query))
    assert json.loads(rows(query)[0][0])["rule"] == "moonlight damages"


def test_rules_are_live(address: str, rules: Path) -> None:
    def decides() -> bool:
        return ask(address, "Moonlight sonata?")["decided_by"] is not None

    check_live(address, rules, "moonlight damages", decides, "")


def test_a_mistake_is_told_before_anything_is_loaded(store: Path, tmp_path: Path, run: Run) -> None:
    path = tmp_path / "rules.toml"
    wrong = RULES.replace("en-card-damaged", "en-card-damagd").replace("glossary =", "#")
    path.write_text(wrong.replace("card_lost", intent_of(store, "en-card-lost")), encoding="utf-8")
    for verb in (("rules", "check", path), ("ask", "hello", "--rules", path)):
        done = run(*verb, "--store", store)
        assert done.returncode == 2
        assert f"{path}:15: rule 'moonlight damages'" in done.stderr
        assert "Did you mean en-card-damaged?" in done.stderr


def test_a_text_shows_which_rules_apply(rules: Path, store: Path, run: Run) -> None:
    done = run("rules", "check", rules, "A card scam", "--store", store, "--json")
    applying = [one["rule"] for one in json.loads(done.stdout)["applying"]]
    assert applying == ["fraud goes to a person", "no found cards"]
    assert "No rule applies" in run("rules", "check", rules, "x", "--store", store).stdout


def test_a_language_goes_by_words_where_rules_are_checked_too(tmp_path: Path, run: Run) -> None:
    rules = tmp_path / "english.toml"
    when = 'when = { any = ["iban"], language = "en" }'
    rules.write_text(
        f'[[rule]]\nname = "n"\n{when}\naction = "route"\nto = "q"\n', encoding="utf-8"
    )
    for text, applying in (("What is my IBAN?", 1), ("¿Cuál es el IBAN de mi cuenta?", 0)):
        done = run("rules", "check", rules, text, "--store", tmp_path / "var", "--json")
        assert len(json.loads(done.stdout)["applying"]) == applying
