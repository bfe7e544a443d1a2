"""The verbs about labels, as a user runs them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from command_line import run_here
from monitor_serving import copy_release
from news import BAD, FLAT, GOOD

from common.files import file_sha256
from common.releases.registry import Registry

NAMES = ("Alba", "Hexa", "Ionic", "Jura", "Kappa", "Lumen")


@pytest.fixture(scope="module")
def news(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """News with a column of the user's own; the last line is labelled wrongly."""
    path = tmp_path_factory.mktemp("labels") / "news.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "sentiment", "desk"])
        for name in NAMES:
            for label, phrases in (("negative", BAD), ("positive", GOOD), ("neutral", FLAT)):
                desk = "north" if name < "J" else "south"
                writer.writerows([f"{name} {phrase}", label, desk] for phrase in phrases)
        writer.writerow(["Omega shares plunge after fraud", "positive", "north"])
    return path


def test_a_planted_error_is_found_corrected_and_gone(news: Path, tmp_path: Path) -> None:
    out, store = tmp_path / "suspects.csv", tmp_path / "var"
    done = run_here(
        "finance_monitor", "suspects", "--news", news, "--out", out, "--store", store, "--json"
    )
    assert done.returncode == 0, done.stderr
    suspects = json.loads(done.stdout)["suspects"]
    last = 1 + len(NAMES) * 12 + 1
    assert suspects[0]["place"] == f"news.csv:{last}"
    assert (suspects[0]["given"], suspects[0]["likely"]) == ("positive", "negative")
    edited = out.read_text(encoding="utf-8").replace(",positive\n", ",negative\n", 1)
    out.write_text(edited, encoding="utf-8")
    corrected = tmp_path / "corrected.csv"
    done = run_here(
        "finance_monitor", "suspects", "--news", news, "--apply", out, "--out", corrected
    )
    assert done.returncode == 0, done.stderr
    assert "1 labels changed" in done.stdout
    assert "Omega shares plunge after fraud,negative,north" in corrected.read_text("utf-8")


def test_what_is_to_be_labelled_next_is_new_and_comes_back_for_train(
    release: Path, tmp_path: Path
) -> None:
    texts, out = tmp_path / "texts.csv", tmp_path / "ask.csv"
    known = f"Borel {BAD[0]}"
    rows = [known, *(f"{name} {phrase}" for name in NAMES for phrase in (*BAD, *GOOD))]
    texts.write_text("\n".join(["text", *rows, rows[1]]) + "\n", encoding="utf-8")
    common = ("--texts", texts, "--store", release)
    done = run_here("finance_monitor", "suggest-labels", "5", *common, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "out": str(out),
        "texts": len(rows) - 1,
        "suggested": 5,
    }
    with out.open(newline="", encoding="utf-8-sig") as file:
        asked = list(csv.DictReader(file))
    assert len({row["text"] for row in asked}) == 5
    assert known not in {row["text"] for row in asked}
    assert {row["sentiment"] for row in asked} == {""}
    assert {row["suggested"] for row in asked} <= {"negative", "positive", "neutral"}


def test_a_text_that_is_known_by_the_name_of_its_ticker_is_not_asked_about(
    release: Path, tmp_path: Path
) -> None:
    store = copy_release(release, tmp_path / "var")
    own = Registry(store, "finance_monitor").open()
    model = own.directory / "model.json"
    model.write_text(json.dumps({**json.loads(model.read_text()), "tickers": {"BRL": "Borel"}}))
    own.manifest["files"]["model.json"] = file_sha256(model)
    (own.directory / "manifest.json").write_text(json.dumps(own.manifest), encoding="utf-8")
    texts, out = tmp_path / "texts.csv", tmp_path / "ask.csv"
    texts.write_text(f"text\n$BRL {BAD[0]}\n$OTHER {BAD[0]}\n", encoding="utf-8")
    given = ("--texts", texts, "--store", store, "--out", out, "--json")
    done = run_here("finance_monitor", "suggest-labels", "5", *given)
    assert json.loads(done.stdout)["texts"] == 1, done.stderr
    assert "$OTHER" in out.read_text("utf-8")


def test_topics_are_asked_for_where_a_release_tells_both(release: Path, tmp_path: Path) -> None:
    texts, asked, out = tmp_path / "texts.csv", tmp_path / "ask.json", tmp_path / "back.csv"
    rows = [f"{name} {phrase}" for name in NAMES for phrase in (*BAD, *GOOD)]
    texts.write_text("\n".join(["text", *rows]) + "\n", encoding="utf-8")
    wanted = ("--label", "topics", "--format", "argilla", "--store", release)
    done = run_here(
        "finance_monitor", "suggest-labels", "4", "--texts", texts, "--out", asked, *wanted
    )
    assert done.returncode == 0, done.stderr
    tasks = json.loads(asked.read_text(encoding="utf-8"))
    suggested = [one["suggestions"]["wanted"]["value"] for one in tasks if one["suggestions"]]
    assert suggested
    assert {name for value in suggested for name in value.split("|")} <= {"credit", "company"}
    for one in tasks:
        one["responses"] = {"wanted": [{"value": "credit"}]}
    asked.write_text(json.dumps(tasks), encoding="utf-8")
    done = run_here("finance_monitor", "suggest-labels", "--labelled", asked, "--out", out, *wanted)
    assert done.returncode == 0, done.stderr
    with out.open(newline="", encoding="utf-8-sig") as file:
        assert [row["topics"] for row in csv.DictReader(file)] == ["credit"] * 4


def test_a_column_of_the_users_own_groups_the_figures(release: Path, news: Path) -> None:
    done = run_here(
        "finance_monitor", "evaluate", "--news", news, "--by", "desk", "--store", release, "--json"
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["by_group"]
    assert [one["name"] for one in found["groups"]] == ["desk north", "desk south"]
    assert sum(one["records"] for one in found["groups"]) == len(NAMES) * 12 + 1
    done = run_here(
        "finance_monitor", "evaluate", "--news", news, "--by", "dsk", "--store", release
    )
    assert done.returncode == 2
    assert "no column 'dsk'" in done.stderr


def test_what_makes_no_sense_is_said(release: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "x.csv", "--store", release)
    done = run_here("finance_monitor", "suggest-labels", *out)
    assert done.returncode == 2
    assert "how many of which texts" in done.stderr


def test_unlabelled_news_joins_and_the_release_says_how_much(news: Path, tmp_path: Path) -> None:
    texts = tmp_path / "unlabelled.csv"
    rows = [f"{name} {phrase}" for name in ("Quill", "Rune") for phrase in (*BAD, *GOOD, *FLAT)]
    texts.write_text("\n".join(["text", *rows]) + "\n", encoding="utf-8")
    done = run_here(
        "finance_monitor", "train", "--news", news, "--unlabelled", texts,
        "--set", "strategy=head", "--set", "epochs=3", "--set", "learning_rate=5e-3",
        "--set", "pseudo_label_confidence=0.5", "--store", tmp_path / "var", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shown = run_here("finance_monitor", "releases", "show", "--store", tmp_path / "var", "--json")
    found = json.loads(shown.stdout)["pseudo_labels"]
    assert found["unlabelled"] == len(rows)
    assert 0 < sum(found["joined"].values()) <= len(rows)
    assert found["kept"] == (found["second"] > found["first"])
    assert "round is kept" in done.stderr
