from __future__ import annotations

import json
from pathlib import Path

import pytest
from release_contract import assert_names_no_place
from sample import Demo, Run

from common.records.writing import write_table


def test_help_names_every_verb(run: Run) -> None:
    text = run("--help").stdout
    for verb in (
        "validate",
        "train",
        "demo",
        "evaluate",
        "export",
        "ask",
        "serve",
        "releases",
        "keys",
        "import",
    ):
        assert verb in text


def test_training_ends_with_a_release_that_serves(demo: Demo, run: Run) -> None:
    listed = json.loads(run("releases", "list", "--store", demo.store, "--json").stdout)
    assert listed["current"] in listed["releases"]
    shown = json.loads(run("releases", "show", "--store", demo.store, "--json").stdout)
    assert shown["before"]["right_first"] <= shown["after"]["right_first"] + 0.1
    report = demo.store / "customer_service" / "releases" / listed["current"] / "report.html"
    text = report.read_text(encoding="utf-8")
    assert "Before and after fine-tuning" in text
    assert text.count("<svg") == 3


def test_evaluate_repeats_the_figures_of_training_in_a_fresh_process(
    demo: Demo, run: Run, run_afresh: Run
) -> None:
    shown = json.loads(run("releases", "show", "--store", demo.store, "--json").stdout)
    done = run_afresh("evaluate", "--questions", demo.test, "--store", demo.store, "--json")
    measured = json.loads(done.stdout)["figures"]["all"]
    for name in ("right_first", "right_in_three", "intent_accuracy"):
        assert measured[name] == pytest.approx(shown["after"][name], abs=0.03), name


def test_ask_answers_from_the_faq_word_for_word(demo: Demo, run: Run) -> None:
    question = "What should I do if my card is lost or stolen?"
    answer = json.loads(run("ask", question, "--store", demo.store, "--json").stdout)
    faqs = [json.loads(line) for line in demo.faqs.read_text(encoding="utf-8").splitlines()]
    assert answer["citations"][0]["faq_id"] == "en-card-lost"
    if answer["decision"] == "answer":
        assert answer["answer"] == faqs[0]["answer"]


def test_a_changed_release_is_refused(demo: Demo, run: Run, tmp_path: Path) -> None:
    import shutil

    store = tmp_path / "var"
    shutil.copytree(demo.store, store, symlinks=True)
    current = (store / "customer_service" / "current").resolve()
    with (current / "faqs.jsonl").open("a", encoding="utf-8") as file:
        file.write("\n")
    done = run("ask", "lost card", "--store", store)
    assert done.returncode == 2
    assert "faqs.jsonl was changed" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["validate", "--faqs", "nowhere.jsonl"], "nowhere.jsonl: no such file"),
        (["train"], "nothing to learn from"),
        (["train", "--faqs", "{faqs}", "--backbone", "bert-bse"], "These work|these work"),
        (["train", "--faqs", "{faqs}", "--set", "epoch=3"], "Did you mean epochs?"),
        (["validate", "--questions", "{test}", "--map", "question=text"], "no column 'text'"),
        (["ask", "lost card", "--store", "{empty}"], "there is no release yet"),
        (["releases", "promote", "nothing", "--store", "{empty}"], "no release 'nothing'"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value[:2]),
)
def test_a_mistake_is_told_plainly(
    demo: Demo, run: Run, tmp_path: Path, arguments: list[str], message: str
) -> None:
    places = {"faqs": demo.faqs, "test": demo.test, "empty": tmp_path}
    done = run(*(argument.format(**places) for argument in arguments))
    assert done.returncode == 2, done.stderr
    assert any(part in done.stderr for part in message.split("|")), done.stderr
    assert "Traceback" not in done.stderr


def test_one_label_alone_fails_the_audit(run: Run, tmp_path: Path) -> None:
    questions = tmp_path / "q.csv"
    questions.write_text("question,intent\nhello there,a\nhow are you,a\n", encoding="utf-8")
    done = run("validate", "--questions", questions)
    assert done.returncode == 2
    assert "one label only" in done.stderr


def test_a_release_says_nothing_of_the_machine(
    demo: Demo, tmp_path_factory: pytest.TempPathFactory
) -> None:
    release = (demo.store / "customer_service" / "current").resolve()
    assert_names_no_place(release, tmp_path_factory.getbasetemp().parent)


def test_faqs_need_no_ids_and_may_come_from_a_folder_and_a_spreadsheet(
    run: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "help centre"
    folder.mkdir()
    write_table(folder / "a.xlsx", [{"问题": "卡丢了怎么办", "答案": "马上挂失。"}])
    write_table(folder / "b.csv", [{"Question": "Where is my card?", "Answer": "In the post."}])
    done = run("validate", "--faqs", folder, "--json")
    assert done.returncode == 0, done.stderr
    assert "question from '问题'" in done.stderr
    write_table(folder / "c.csv", [{"Question": "Where is my card?", "Answer": "Here."}])
    done = run("validate", "--faqs", folder)
    assert done.returncode == 2
    assert "c.csv:2" in done.stderr
