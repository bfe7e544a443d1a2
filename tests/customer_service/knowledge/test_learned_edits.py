"""Live edits become part of the next release, and are no edits any more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sample import Run

from apps.customer_service.answers.answering import Answerer
from apps.customer_service.knowledge.overlay import difference
from apps.customer_service.knowledge.store import KnowledgeStore
from apps.customer_service.learning.lessons import load_lessons
from apps.customer_service.release import load_release
from common.releases.registry import Registry
from common.storage.database import DATABASE, Database

QUESTION = "Do you sell pet insurance?"
GONE = "en-pin-change"


@pytest.fixture
def learned(copied: Path, run: Run) -> tuple[Path, Answerer]:
    """A store whose release has learned what was edited live."""
    options = ("--store", copied)
    for arguments in (
        ("add", "--id", "en-pet", "--question", QUESTION, "--answer", "Yes.",
         "--similar", "cover for my cat", "--similar", "insure a puppy"),
        ("edit", "en-card-lost", "--answer", "Freeze it.", "--similar", "my card has walked off"),
        ("remove", GONE),
    ):  # fmt: skip
        done = run("faqs", *arguments, *options)
        assert done.returncode == 0, done.stderr
    done = run("learn", "--promote", *options)
    assert "Now serving" in done.stdout, done.stdout + done.stderr
    release = Registry(copied, "customer_service").open()
    return copied, load_release(release, device="cpu")


def test_the_release_holds_them(learned: tuple[Path, Answerer], run: Run) -> None:
    store, answerer = learned
    assert answerer.index is not None
    assert not difference(answerer, KnowledgeStore(Database(store / DATABASE)).edited())
    assert "en-pet" in answerer.prototype_ids, "it has a direction of its own now"
    assert answerer.faqs["en-card-lost"].answer == "Freeze it."
    assert answerer.index.known("my card has walked off") == "en-card-lost"
    assert answerer.index.known("Somebody stole my credit card") is None, "a wording that went"
    assert GONE not in answerer.faqs
    lessons, _ = load_lessons(Registry(store, "customer_service").open())
    assert GONE not in {one.faq_id for one in (*lessons.train, *lessons.validation, *lessons.test)}
    assert run("faqs", "diff", "--store", store, "--json").stdout == '{\n  "differences": []\n}\n'
    assert "nothing new" in run("learn", "--store", store).stdout


def test_what_is_taken_back_later_is_taken_out_again(
    learned: tuple[Path, Answerer], run: Run
) -> None:
    store, _ = learned
    run("faqs", "undo", 1, "--store", store)
    found = json.loads(run("faqs", "diff", "--store", store, "--json").stdout)["differences"]
    assert [(one["id"], one["what"]) for one in found] == [("en-pet", "removed")]
    done = run("learn", "--promote", "--store", store)
    assert "Now serving" in done.stdout, done.stdout
    release = Registry(store, "customer_service").open()
    assert "en-pet" not in load_release(release, device="cpu").faqs


def test_a_question_at_the_command_line_is_answered_as_the_server_does(
    copied: Path, run: Run
) -> None:
    options = ("--store", copied)
    run("faqs", "edit", "en-card-lost", "--answer", "Freeze it.", *options)
    question = "What should I do if my card is lost or stolen?"
    assert json.loads(run("ask", question, "--json", *options).stdout)["answer"] == "Freeze it."
    release = Registry(copied, "customer_service").current_id()
    named = run("ask", question, "--release", release, "--json", *options).stdout
    assert json.loads(named)["answer"] != "Freeze it."


def test_a_table_is_added_and_all_is_exported(copied: Path, tmp_path: Path, run: Run) -> None:
    table = tmp_path / "faqs.csv"
    rows = [
        "question,similar_questions,answer,valid_from",
        "Is there wifi?,wlan|net,=1+1,2030-01-01",
    ]
    table.write_text("\n".join(rows), encoding="utf-8")
    options = ("--store", copied)
    done = run("faqs", "add", "--from", table, "--draft", "--author", "importer", *options)
    assert done.returncode == 0, done.stderr
    (draft,) = json.loads(run("faqs", "list", "--state", "draft", "--json", *options).stdout)[
        "faqs"
    ]
    assert (draft["author"], draft["draft"]["answer"]) == ("importer", "=1+1")
    assert run("faqs", "publish", draft["id"], *options).returncode == 0
    listed = run("faqs", "list", "--state", "scheduled", *options).stdout
    assert draft["id"] in listed
    out = tmp_path / "all.jsonl"
    assert run("faqs", "export", out, *options).returncode == 0
    assert run("validate", "--faqs", out).returncode == 0
    assert '"valid_from":"2030-01-01T00:00:00Z"' in out.read_text(encoding="utf-8")
    again = run("faqs", "add", "--from", table, *options)
    assert (again.returncode, "already" in again.stderr) == (2, True)


def test_an_enormous_table_is_refused(copied: Path, tmp_path: Path, run: Run) -> None:
    table = tmp_path / "faqs.csv"
    lines = (f"question {number},answer" for number in range(20_001))
    table.write_text("question,answer\n" + "\n".join(lines), encoding="utf-8")
    done = run("faqs", "add", "--from", table, "--store", copied)
    assert (done.returncode, "the most is 20,000" in done.stderr) == (2, True)
    with table.open("a", encoding="utf-8") as file:
        file.truncate(80 * 1024 * 1024)
    done = run("faqs", "add", "--from", table, "--store", copied)
    assert (done.returncode, "84 MB; the most is 67 MB" in done.stderr) == (2, True)
