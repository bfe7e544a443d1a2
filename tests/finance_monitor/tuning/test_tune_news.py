from __future__ import annotations

import json
from pathlib import Path

from command_line import run_here
from news import BAD, FLAT, GOOD


def test_tune_never_reads_the_test_news_and_ends_with_a_table(
    tiny_model: Path, tmp_path: Path
) -> None:
    rows = [
        json.dumps({"text": f"{name} {phrase}", "sentiment": label})
        for name in ("Borel", "Cinder", "Dorset", "Elmar")
        for label, phrases in (("negative", BAD), ("positive", GOOD), ("neutral", FLAT))
        for phrase in phrases
    ]
    news, test = tmp_path / "news.jsonl", tmp_path / "test.jsonl"
    news.write_text("\n".join(rows), encoding="utf-8")
    test.write_text("no JSON", encoding="utf-8")
    done = run_here(
        "finance_monitor", "tune", "--news", news, "--test", test, "--backbone", tiny_model,
        "--search", "head_learning_rate=1e-3..1e-1,log", "--trials", 2, "--name", "mine",
        "--set", "epochs=1", "--device", "cpu", "--precision", "fp32", "--store", tmp_path / "var",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "head_learning_rate" in done.stdout
    assert "sentiment_f1" in done.stdout
    made = tmp_path / "var" / "finance_monitor" / "tuning"
    assert {path.name for path in made.iterdir()} == {"mine", "mine.db"}
    assert "head_learning_rate = " in (made / "mine" / "best.toml").read_text(encoding="utf-8")
