from __future__ import annotations

import json
from pathlib import Path

import pytest
from sample import Run
from tiny import write_tiny_causal

from common.tuning.configuration import read_settings

TOPICS = {"card": "my card is lost", "fee": "what does it cost", "loan": "how do i borrow"}


def write_questions(path: Path, intents: list[str]) -> Path:
    rows = [f"{TOPICS[name]} {letter * 3},{name}" for name in intents for letter in "abcdefghijkl"]
    path.write_text("\n".join(["question,intent", *rows]) + "\n", encoding="utf-8")
    return path


def test_tune_never_reads_the_test_questions_and_ends_with_settings(
    run: Run, tiny_model: Path, tmp_path: Path
) -> None:
    questions = write_questions(tmp_path / "questions.csv", [*TOPICS])
    test = tmp_path / "test.csv"
    # `train` would refuse this file.
    test.write_text('faq_id,weather\n"no such FAQ', encoding="utf-8")
    command = (
        "tune", "--questions", questions, "--test", test, "--backbone", tiny_model,
        "--search", "head_learning_rate=1e-3..1e-1,log", "--search", "strategy=full,head",
        "--trials", 3, "--set", "epochs=1", "--set", "adversarial=0", "--device", "cpu",
        "--precision", "fp32", "--store", tmp_path / "var", "--json",
    )  # fmt: skip
    done = run(*command)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["monitor"] == "intent_accuracy"
    assert found["figure"] >= found["default_figure"]
    best = read_settings(Path(found["config"]))
    assert {name: getattr(best, name) for name in found["best"]} == found["best"]
    assert best.epochs == 1
    assert "<svg" in Path(found["report"]).read_text(encoding="utf-8")
    assert "Trial 3 of 3" in done.stderr
    again = run(*command)
    assert json.loads(again.stdout) == found
    assert "Trial" not in again.stderr


@pytest.mark.parametrize("verb", ["tune", "seeds"])
def test_a_base_in_few_bits_is_loaded_so_again(
    verb: str, run: Run, tiny_model: Path, tmp_path: Path
) -> None:
    pytest.importorskip("bitsandbytes")
    causal = write_tiny_causal(tiny_model, tmp_path / "causal")
    questions = write_questions(tmp_path / "questions.csv", [*TOPICS])
    again = {
        "tune": ("tune", "--search", "lora_rank=2..4", "--trials", 2),
        "seeds": ("train", "--set", "seeds=2", "--set", "ensemble=probabilities"),
    }[verb]
    done = run(
        *again, "--questions", questions, "--backbone", causal, "--set", "epochs=1",
        "--set", "strategy=lora", "--set", "quantised_base=int8", "--device", "cpu",
        "--precision", "fp32", "--store", tmp_path / "var", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
