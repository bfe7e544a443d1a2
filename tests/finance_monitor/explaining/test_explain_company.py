"""`explain --company`: which words made what a text says of one company."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import run_here

TEXT = "Borel  profit jumps {at last} while Ｃinder warns of heavy losses"


@pytest.mark.parametrize("method", ["gradients", "occlusion"])
@pytest.mark.parametrize("company", ["Cinder", "Elmar"])
def test_the_words_stand_in_the_text_as_it_was_written(
    release_of_companies: Path, tmp_path: Path, method: str, company: str
) -> None:
    entities = tmp_path / "entities.csv"
    entities.write_text("name\nBorel\nCinder\n", encoding="utf-8")
    done = run_here(
        "finance_monitor", "explain", TEXT, "--company", company, "--method", method,
        "--entities", entities, "--store", release_of_companies, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["company"], found["text"]) == (company, TEXT)
    assert sum(found["probabilities"].values()) == pytest.approx(1, abs=0.001)
    [towards] = found["attributions"]
    assert towards["towards"] == max(found["probabilities"], key=found["probabilities"].get)
    words = [TEXT[word["start"] : word["end"]] for word in towards["words"]]
    assert words == TEXT.replace("{", "").replace("}", "").split()
    assert any(word["weight"] for word in towards["words"])


def test_a_list_tells_what_a_company_is_called(release_of_companies: Path, tmp_path: Path) -> None:
    entities = tmp_path / "entities.csv"
    entities.write_text("name,aliases\nCinder Group,Cinder\n", encoding="utf-8")
    asked = ("explain", "Cinder cuts jobs", "--store", release_of_companies, "--json")
    listed = run_here("finance_monitor", *asked, "--company", "Cinder", "--entities", entities)
    plain = run_here("finance_monitor", *asked, "--company", "Cinder")
    first, second = json.loads(listed.stdout), json.loads(plain.stdout)
    assert (first["company"], second["company"]) == ("Cinder Group", "Cinder")
    assert first["probabilities"] == second["probabilities"]


def test_a_release_that_judges_no_companies_says_so(release: Path) -> None:
    done = run_here("finance_monitor", "explain", "Borel sails", "--company", "Borel",
                    "--store", release)  # fmt: skip
    assert done.returncode == 2
    assert "learned no sentiment towards companies" in done.stderr


def test_the_only_company_has_the_texts_sentiment(release_of_companies: Path) -> None:
    asked = ("explain", TEXT, "--store", release_of_companies, "--json")
    whole = json.loads(run_here("finance_monitor", *asked).stdout)
    done = run_here("finance_monitor", *asked, "--company", "Cinder")
    of_company = json.loads(done.stdout)
    assert of_company.pop("company") == "Cinder"
    assert of_company == whole


@pytest.mark.parametrize(
    ("option", "said"),
    [("--company", "--company is empty"), ("--entities", "--entities without --company")],
)
def test_what_would_be_ignored_is_refused(
    release: Path, tmp_path: Path, option: str, said: str
) -> None:
    entities = tmp_path / "entities.csv"
    entities.write_text("name\nBorel\n", encoding="utf-8")
    value = entities if option == "--entities" else " "
    done = run_here("finance_monitor", "explain", "Borel sails", option, value, "--store", release)
    assert done.returncode == 2
    assert said in done.stderr
