"""`faqs` at the command line: an import added again, what would change, what contradicts facts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sample import Run

FIRST = """id,question,similar_questions,answer
park,Where can I park?,,Behind the shop.
bus,Which bus stops here?,the bus stop|what bus,The 12.
loo,Where is the loo?,,Upstairs.
"""
SECOND = """id,question,similar_questions,answer
park,Where can I park?,,In the yard.
bus,Which bus stops here?,,The 12.
loo,Where is the loo?,,Upstairs.
line,What line comes here?,What bus?,The 12.
tram,Is there a tram?,,No.
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "var"


def states(run: Run, store: Path) -> dict[str, str]:
    listed = json.loads(run("faqs", "list", "--store", store, "--json").stdout)["faqs"]
    return {one["id"]: one["state"] for one in listed}


def test_a_second_import_takes_what_is_new_and_tells_the_rest(
    run: Run, store: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    first.write_text(FIRST, encoding="utf-8")
    second.write_text(SECOND, encoding="utf-8")
    added = run("faqs", "add", "--from", first, "--draft", "--store", store)
    assert "3 FAQs wait as drafts" in added.stderr
    run("faqs", "reject", "loo", "--store", store)
    again = ("faqs", "add", "--from", second, "--draft", "--store", store)
    refused = run(*again)
    assert (refused.returncode, "--skip-existing" in refused.stderr) == (2, True)
    done = run(*again, "--skip-existing")
    assert done.returncode == 0, done.stderr
    for said in (
        "there already, with another answer: park",
        "there already: bus",
        "rejected or removed before: loo",
        "bus asks the same: line",
        "tram waits as a draft",
    ):
        assert said in done.stderr
    assert states(run, store) == {
        "park": "draft",
        "bus": "draft",
        "loo": "removed",
        "tram": "draft",
    }
    assert "nothing is changed" in run(*again, "--skip-existing").stderr
    alone = run("faqs", "add", "--question", "q", "--answer", "a", "--skip-existing")
    assert (alone.returncode, "--from FILE" in alone.stderr) == (2, True)


def test_an_import_that_was_undone_may_be_made_again(run: Run, store: Path, tmp_path: Path) -> None:
    table = tmp_path / "first.csv"
    table.write_text(FIRST, encoding="utf-8")
    again = ("faqs", "add", "--from", table, "--draft", "--skip-existing", "--store", store)
    run(*again)
    run("faqs", "undo", 1, "--store", store)
    assert "3 FAQs wait as drafts" in run(*again).stderr
    run("faqs", "reject", "loo", "--store", store)
    assert "rejected or removed before: loo" in run(*again).stderr


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    path = tmp_path / "knowledge.csv"
    path.write_text(
        "subject,relation,object\nKR-9,is a,kettle\nKR-5,is a,kettle\nKR-9,successor of,KR-7\n",
        encoding="utf-8",
    )
    return path


AGAINST = ("--id", "kettle", "--question", "What replaced the KR-7?", "--answer", "The KR-5 did.")


def test_what_contradicts_the_facts_is_served_only_if_insisted_on(
    run: Run, store: Path, facts: Path
) -> None:
    def faqs(*arguments: Any) -> tuple[int, str]:
        done = run("faqs", *arguments, "--store", store, "--graph", facts)
        return done.returncode, done.stderr

    code, said = faqs("add", *AGAINST)
    assert (code, "it says KR-5; the facts say KR-9" in said) == (3, True)
    assert "--despite-facts" in said
    assert faqs("add", *AGAINST, "--draft")[0] == 0, "a draft is served to nobody"
    assert faqs("publish", "kettle")[0] == 3
    assert faqs("publish", "kettle", "--despite-facts")[0] == 0
    assert faqs("edit", "kettle", "--answer", "The KR-5, surely.")[0] == 3
    assert faqs("edit", "kettle", "--answer", "The KR-9.")[0] == 0
    assert states(run, store) == {"kettle": "published"}
    later = faqs("edit", "kettle", "--answer", "The KR-5.", "--valid-from", "2999-01-01")
    assert later[0] == 3, "what will be served then counts, too"


def test_what_would_change_is_told_before_drafts_are_published(
    run: Run, copied: Path, facts: Path
) -> None:
    def preview(*arguments: Any) -> dict[str, Any]:
        done = run("faqs", "preview", *arguments, "--store", copied, "--json")
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    none = run("faqs", "preview", "--store", copied)
    assert (none.returncode, "no draft waits" in none.stderr) == (2, True)
    run("faqs", "add", *AGAINST, "--draft", "--store", copied)
    found = preview("--graph", facts)
    assert found["asked"] > 40
    assert [one["faq_id"] for one in found["contradictions"]] == ["kettle"]
    ends = next(faq_id for faq_id, state in states(run, copied).items() if state == "published")
    run("faqs", "edit", ends, "--valid-until", "2020-01-01", "--draft", "--store", copied)
    changed = preview(ends)["changed"]
    assert {one["turns"] for one in changed if one["wanted"] == ends} == {"wrong"}
    shown = run("faqs", "preview", ends, "--store", copied)
    assert f"the first answer changes for {len(changed)}:" in shown.stderr
    run("faqs", "edit", "kettle", "--valid-from", "2990-01-01", "--draft", "--store", copied)
    later = run("faqs", "preview", "kettle", "--store", copied)
    assert "once all of it is valid, 2990-01-01 00:00 UTC" in later.stderr
